/**
 * The decisions of a recipe. Pure: the same reports and state give the same decision.
 *
 * 1. Lambda is off, and the standard deviation of the losses within a batch is measured. It grows while the model learns what most
 *    samples have in common, and the losses of the others stay high.
 * 2. When it has stopped growing, as many steps again follow in which the losses of hard samples fall. Then lambda is chosen: the one at
 *    which the effective sample size of the newest batches is the share of right labels. It is annealed to there from a larger |lambda|.
 *    (For rare groups, lambda is chosen at once.)
 * 3. Losses answer to lambda. So it is looked at what share of the weight is taken away, and lambda is corrected to what takes away the
 *    share of wrong labels. If it is far below that share, lambda is off again.
 *
 * docs/schedules.md, "Recipes", has the figures behind the numbers. `absgd_worker/recipes/` is the same in Python, bound by
 * proto/golden/recipes.json.
 */
import { choose, hasLearnt, type Measured, type RecipeDecision, type RecipeSpec } from './choose.js'
import { BATCHES, lookBack } from './look-back.js'
import { isUsable, meanAndDeviation, type Losses } from './spread.js'
import type { Measuring, RecipeState } from './state.js'

/** A step that was trained, and the unweighted losses of its samples. */
export interface RecipeReport {
  readonly step: number
  readonly losses: Losses
}

/**
 * The decision for `step`, which comes every `EVERY` steps.
 *
 * @param reports - The newest `WINDOW` of the steps up to `step - LAG`, ascending
 * @param runSteps - Steps of the whole training; 0 if that is unknown
 */
export function decideRecipe(
  recipe: RecipeSpec,
  reports: readonly RecipeReport[],
  state: RecipeState,
  step: number,
  runSteps: number,
): RecipeDecision {
  const usable = reports.filter(({ losses }) => isUsable(losses))
  switch (state.phase) {
    case 'measuring':
      return measure(recipe, usable, state, step, runSteps)
    case 'annealing':
      return lookBack(
        state,
        usable.filter((report) => report.step >= state.until).map(({ losses }) => losses),
        step,
      )
    case 'done':
      return { state, mark: '' }
    default:
      return state satisfies never
  }
}

function measure(
  recipe: RecipeSpec,
  reports: readonly RecipeReport[],
  before: Measuring,
  step: number,
  runSteps: number,
): RecipeDecision {
  let state = before
  for (const [number, { step: reported, losses }] of reports.entries()) {
    if (reported <= state.seen) continue
    state = withStep(state, reported, losses)
    if (state.steps < state.end) continue
    const measured = windowOf(state)
    if (state.settled === 0 && state.windows >= 2 && hasLearnt(measured)) {
      const grows = measured.deviation > GROWTH * state.largest
      state = { ...state, settled: grows ? 0 : state.steps }
    }
    if (ends(recipe, state, runSteps)) {
      // Those of this window alone: the model of earlier ones has learnt less.
      const count = Math.min(BATCHES, state.steps - state.begun)
      const batches = reports.slice(Math.max(0, number + 1 - count), number + 1)
      return choose(
        recipe,
        batches.map((report) => report.losses),
        measured,
        step,
      )
    }
    state = {
      ...state,
      largest: Math.max(state.largest, measured.deviation),
      windows: state.windows + 1,
      begun: state.steps,
      means: 0,
      deviations: 0,
      end: Math.max(state.steps + LEAST_WINDOW, Math.floor(state.steps * LONGER)),
    }
  }
  return { state, mark: '' }
}

function withStep(state: Measuring, step: number, losses: Losses): Measuring {
  const { mean, deviation } = meanAndDeviation(losses)
  const steps = state.steps + 1
  return {
    ...state,
    seen: step,
    steps,
    means: state.means + mean,
    deviations: state.deviations + deviation,
    first: steps <= FIRST_STEPS ? state.first + mean : state.first,
  }
}

function windowOf(state: Measuring): Measured {
  const count = state.steps - state.begun
  return {
    step: state.seen,
    mean: state.means / count,
    deviation: state.deviations / count,
    first: state.first / Math.min(state.steps, FIRST_STEPS),
  }
}

function ends(recipe: RecipeSpec, state: Measuring, runSteps: number): boolean {
  const limit = runSteps === 0 ? MOST_STEPS : Math.floor(runSteps / 4)
  if (state.steps * LONGER > limit) return true
  const wait = recipe.kind === 'rare-groups' ? 1 : WAIT
  return state.settled > 0 && state.steps >= wait * state.settled
}

/** A decision for a step rests on reports of steps that are this much earlier. */
export const LAG = 32
export const EVERY = 16
/** Enough for `BATCHES` up to the end of a window that ended since the decision before. */
export const WINDOW = 96
const FIRST_STEPS = 10
/** The number of steps at the end of a window, over that at its beginning. */
const LONGER = 1.25
const LEAST_WINDOW = 8
const GROWTH = 1.05
/** Wrong labels: lambda is chosen after this many times the steps until the spread had stopped growing. */
const WAIT = 2
/** Measuring ends here if the length of the training is unknown; else after a quarter of it. */
const MOST_STEPS = 2000
