/**
 * Looks at what lambda has done, and corrects it. Losses answer to lambda: a sample without weight is not learnt, and its loss rises. So
 * the lambda of the measured losses takes away more or less than it should. The same as `absgd_worker/recipes/look_back.py`.
 */
import type { RecipeDecision } from './choose.js'
import { shareTurnedAway, solveLambda, type Losses } from './spread.js'
import type { Annealing } from './state.js'
import { percent, shown, twoDigits } from './words.js'

/** What follows from usable batches trained since lambda is what it is; nothing if they are few. */
export function lookBack(state: Annealing, known: readonly Losses[], step: number): RecipeDecision {
  const batches = known.slice(-BATCHES)
  if (batches.length < BATCHES) return { state, mark: '' }
  const { lam, share } = state
  const away = shareTurnedAway(batches, lam)
  const taken = `lambda ${shown(lam)} takes ${percent(away.mean)} ± ${percent(1.96 * away.error)} of the weight away`
  if (away.mean < Math.max(LEAST_SHARE, FEW * share)) {
    const why = `${taken}, far less than the ${percent(share)} of wrong labels for which it was chosen`
    return { state: { phase: 'done' }, edit: { text: 'off', why }, mark: '' }
  }
  const solved = solveLambda(batches, 1 - share, -1) ?? lam
  // Fewer than the share stand apart: a smaller |lambda| would take hard samples for wrong ones.
  const smallest = state.looks === 0 && away.mean < APART * share ? 1 : SMALLEST
  const factor = Math.min(LARGEST, Math.max(smallest, solved / lam))
  if (state.looks === CORRECTIONS || Math.abs(factor - 1) < TOLERANCE) {
    const mark = `${taken}, over ${BATCHES} steps: about that share of the labels looks wrong`
    return { state: { phase: 'done' }, mark }
  }
  const corrected = twoDigits(factor * lam)
  const over = Math.max(LEAST_OVER, Math.floor(state.over / 2))
  return {
    state: { ...state, lam: corrected, until: step + over, looks: state.looks + 1 },
    edit: {
      text: `exponential(${lam}, ${corrected}, over=${over})`,
      why: `${taken}; by the losses since then, lambda ${shown(solved)} would take ${percent(share)} away`,
    },
    mark: '',
  }
}

export const BATCHES = 64
const LEAST_SHARE = 0.04
const FEW = 0.25
/** The factors of one correction. */
const SMALLEST = 0.6
const LARGEST = 2
const APART = 0.8
const TOLERANCE = 0.1
const CORRECTIONS = 2
const LEAST_OVER = 16
