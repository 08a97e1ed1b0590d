/** Chooses lambda from the losses that a recipe has measured. The same as `absgd_worker/recipes/choose.py`. */
import { estimateShare } from './estimate.js'
import { solveLambda, type Losses } from './spread.js'
import type { RecipeState } from './state.js'
import { percent, shown, twoDigits } from './words.js'

export type RecipeKind = 'wrong-labels' | 'rare-groups' | 'off'

/** A recipe with its arguments checked. */
export interface RecipeSpec {
  readonly kind: RecipeKind
  /** The share of wrong labels as far as it is known, in (0, 0.6); undefined: it is estimated. */
  readonly wrong?: number
}

/** Lambda from a step on. */
export interface RecipeEdit {
  /** A schedule that begins at that step. */
  readonly text: string
  readonly why: string
}

/** What was measured up to a step, in units of loss. */
export interface Measured {
  readonly step: number
  readonly mean: number
  /** The standard deviation within a batch. */
  readonly deviation: number
  /** The mean loss of the first steps: that of a model that has learnt nothing. */
  readonly first: number
}

export interface RecipeDecision {
  readonly state: RecipeState
  /** Lambda from this step on. */
  readonly edit?: RecipeEdit
  /** A sentence for people, without an edit; empty for none. */
  readonly mark: string
}

/** Whether the losses tell samples apart: the mean has fallen, or they are widely spread. */
export function hasLearnt({ mean, deviation, first }: Measured): boolean {
  return mean < LEARNT * first || deviation > WIDE * Math.abs(mean)
}

/**
 * Lambda from `step` on.
 *
 * @param batches - Usable ones, the newest of those that were measured
 * @param step - The first step with lambda on, if it comes on
 */
export function choose(
  recipe: RecipeSpec,
  batches: readonly Losses[],
  measured: Measured,
  step: number,
): RecipeDecision {
  const figures =
    `after ${measured.step + 1} steps the mean loss was ${shown(measured.mean)}, and the standard deviation ` +
    `within a batch ${shown(measured.deviation)}`
  const isUntold = `${figures}: the losses do not tell samples apart, and lambda stays off`
  if (!hasLearnt(measured)) return staysOff(isUntold)
  const isRare = recipe.kind === 'rare-groups'
  const estimate = isRare ? { share: RARE, why: '' } : estimateShare(batches, measured.first)
  const found = isRare ? '' : `; ${estimate.why}`
  const share = recipe.wrong ?? estimate.share
  if (share === undefined && recipe.kind === 'wrong-labels') {
    return staysOff(
      `${figures}${found}. Lambda stays off: if you know the share of wrong labels, give it to the recipe`,
    )
  }
  const ratio = 1 - (share ?? RARE)
  const solved = solveLambda(batches, ratio, isRare ? 1 : -1)
  if (solved === undefined) return staysOff(isUntold)
  const why = `${figures}${found}; at lambda ${shown(solved)} the effective sample size was ${percent(ratio)} of a batch`
  if (recipe.kind === 'off') return staysOff(`${why}; measured alone: lambda stays off`)
  const lam = twoDigits(solved)
  const over = Math.floor(step / 2)
  const edit = { text: `exponential(${FROM * lam}, ${lam}, over=${over})`, why }
  if (isRare || share === undefined) return { state: { phase: 'done' }, edit, mark: '' }
  return { state: { phase: 'annealing', lam, until: step + over, share, over, looks: 0 }, edit, mark: '' }
}

function staysOff(mark: string): RecipeDecision {
  return { state: { phase: 'done' }, mark }
}

const LEARNT = 0.95
const WIDE = 0.25
/** Lambda is annealed from this many times its last value, over half as many steps as it was off. */
const FROM = 8
/** Rare groups: the effective sample size is smaller than the batch by this share. */
const RARE = 0.3
