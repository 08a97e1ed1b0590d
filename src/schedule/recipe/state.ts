/** The state of a recipe between two decisions: a JSON value. The same as `absgd_worker/recipes/state.py`. */

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
  /** How many steps were seen when the spread had stopped growing; 0 before. */
  readonly settled: number
}

/** Lambda was chosen. Its effect is looked at once lambda is `lam`. */
export interface Annealing {
  readonly phase: 'annealing'
  readonly lam: number
  /** The first step at which lambda is `lam`. */
  readonly until: number
  /** The share of samples that lambda is to turn away from. */
  readonly share: number
  /** Steps that lambda is annealed over. */
  readonly over: number
  /** How many times the effect was looked at. */
  readonly looks: number
}

export type RecipeState = Measuring | Annealing | { readonly phase: 'done' }

/** The state before the first step. */
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
    settled: 0,
  }
}

/** The number of steps of the first window. */
const FIRST_WINDOW = 32
