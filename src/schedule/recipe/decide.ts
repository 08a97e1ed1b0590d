/**
 * The decisions of a recipe. Pure: the same reports and state give the same decision.
 *
 * 1. Lambda is off, and the standard deviation of the losses within a batch is measured. It grows while the model learns what most
 *    samples have in common, and the losses of the others stay high.
 * 2. When it has stopped growing, lambda is chosen: the one at which the effective sample size of those batches is the share of right
 *    labels, times a factor, as the losses go on separating. It is annealed to there from a larger |lambda|.
 * 3. After that, the weight that lambda has taken away is the share of samples it turns away from: an estimate of the share of wrong
 *    labels. If that is far below what was assumed, or samples lie in between, lambda is off again.
 *
 * docs/schedules.md, "Recipes", has the figures behind the numbers. `absgd_worker/recipes/` is the same in Python, bound by
 * proto/golden/recipes.json.
 */
import {
  assumedShare,
  choose,
  hasLearnt,
  twoDigits,
  type Measured,
  type RecipeEdit,
  type RecipeSpec,
} from './choose.js'
import { betweenShare, essRatio, isUsable, meanAndDeviation, type Losses } from './spread.js'

/** Lambda is off, and the spread of the losses is measured over windows, each longer than the last. */
export interface Measuring {
  readonly phase: 'measuring'
  /** The last step that was seen; -1 before the first. */
  readonly seen: number
  /** How many steps were seen that count. */
  readonly steps: number
  /** The sum of the mean losses of the first steps. */
  readonly first: number
  /** The sum of the mean losses of this window. */
  readonly means: number
  /** The sum of the standard deviations within a batch of this window. */
  readonly deviations: number
  /** How many steps were seen when this window began. */
  readonly begun: number
  /** How many steps are seen when it ends. */
  readonly end: number
  /** The largest mean deviation of an earlier window. */
  readonly largest: number
  /** How many windows have ended. */
  readonly windows: number
}

/** Lambda was chosen. Its effect is looked at once it has fallen to `lam`. */
export interface Annealing {
  readonly phase: 'annealing'
  readonly lam: number
  /** The first step at which lambda is `lam`. */
  readonly until: number
}

/** A JSON value. */
export type RecipeState = Measuring | Annealing | { readonly phase: 'done' }

/** A step that was trained, and the unweighted losses of its samples. */
export interface RecipeReport {
  readonly step: number
  readonly losses: Losses
}

export interface RecipeDecision {
  readonly state: RecipeState
  /** Lambda from this step on. */
  readonly edit?: RecipeEdit
  /** A sentence for people, without an edit; empty for none. */
  readonly mark: string
}

export function startRecipe(): RecipeState {
  return {
    phase: 'measuring',
    seen: -1,
    steps: 0,
    first: 0,
    means: 0,
    deviations: 0,
    begun: 0,
    end: FIRST_WINDOW,
    largest: 0,
    windows: 0,
  }
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
      return lookBack(recipe, usable, state)
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
    if (ends(state, measured, runSteps)) {
      const batches = reports.slice(Math.max(0, number + 1 - BATCHES), number + 1)
      return chosen(
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

function ends(state: Measuring, measured: Measured, runSteps: number): boolean {
  const limit = runSteps === 0 ? MOST_STEPS : Math.floor(runSteps / 4)
  if (state.steps * LONGER > limit) return true
  const grows = measured.deviation > GROWTH * state.largest
  return state.windows >= 2 && hasLearnt(measured) && !grows
}

function chosen(
  recipe: RecipeSpec,
  batches: readonly Losses[],
  measured: Measured,
  step: number,
): RecipeDecision {
  const { edit, mark, lambda, over } = choose(recipe, batches, measured, step)
  if (edit === undefined) return { state: { phase: 'done' }, mark }
  if (recipe.kind !== 'wrong-labels') return { state: { phase: 'done' }, edit, mark: '' }
  return { state: { phase: 'annealing', lam: lambda, until: step + over }, edit, mark: '' }
}

function lookBack(recipe: RecipeSpec, reports: readonly RecipeReport[], state: Annealing): RecipeDecision {
  const batches = reports.filter(({ step }) => step >= state.until).slice(-BATCHES)
  if (batches.length < BATCHES) return { state, mark: '' }
  const shares = batches.map(({ losses }) => 1 - essRatio(losses, state.lam))
  const { mean: share, deviation } = meanAndDeviation(shares)
  const error = deviation / Math.sqrt(shares.length - 1)
  const lam = twoDigits(state.lam)
  const between = betweenShare(
    batches.map(({ losses }) => losses),
    state.lam,
  )
  if (between > MOST_BETWEEN) {
    const why =
      `the losses are not in two groups: at lambda ${lam}, ${percent(between)} of the samples have between ` +
      'a tenth and seven tenths of the weight of the easy ones'
    return { state: { phase: 'done' }, edit: { text: 'off', why }, mark: '' }
  }
  const found = `about ${percent(share)} ± ${percent(1.96 * error)} of the labels look wrong`
  const assumed = assumedShare(recipe)
  if (share >= Math.max(LEAST_SHARE, assumed / 4)) {
    const mark = `${found}: lambda ${lam} takes that much of the weight away, over ${BATCHES} steps`
    return { state: { phase: 'done' }, mark }
  }
  const why = `${found}, far fewer than ${percent(assumed)}, for which lambda ${lam} was chosen`
  return { state: { phase: 'done' }, edit: { text: 'off', why }, mark: '' }
}

function percent(share: number): string {
  return `${Math.floor(100 * share + 0.5)} %`
}

/** A decision for a step rests on reports of steps that are this much earlier. */
export const LAG = 32
export const EVERY = 16
/** Enough for `BATCHES` up to the end of a window that ended since the decision before. */
export const WINDOW = 96
const BATCHES = 64
/** The number of steps of the first window. */
const FIRST_WINDOW = 32
const FIRST_STEPS = 10
/** The number of steps at the end of a window, over that at its beginning. */
const LONGER = 1.25
const LEAST_WINDOW = 8
const GROWTH = 1.05
/** Measuring ends here if the length of the training is unknown; else after a quarter of it. */
const MOST_STEPS = 2000
const LEAST_SHARE = 0.04
/** Of wrong labels it is below 0.1, of a distribution with one peak above 0.35. */
const MOST_BETWEEN = 0.25
