/** Chooses lambda from the losses that a recipe has measured. The same as `absgd_worker/recipes/choose.py`. */
import { solveLambda, type Losses } from './spread.js'

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
  /** The mean loss of the first steps. */
  readonly first: number
}

export interface Choice {
  /** Undefined: lambda stays off. */
  readonly edit?: RecipeEdit
  readonly mark: string
  /** Where lambda is annealed to. */
  readonly lambda: number
  /** Steps until it is there. */
  readonly over: number
}

/** Whether the losses tell samples apart: the mean has fallen, or they are widely spread. */
export function hasLearnt({ mean, deviation, first }: Measured): boolean {
  return mean < LEARNT * first || deviation > WIDE * Math.abs(mean)
}

/** The share of samples that lambda is to turn away from. */
export function assumedShare({ wrong = ASSUMED }: RecipeSpec): number {
  return wrong
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
): Choice {
  const figures =
    `after ${measured.step + 1} steps the mean loss was ${shown(measured.mean)}, and the standard deviation ` +
    `within a batch ${shown(measured.deviation)}`
  const isRare = recipe.kind === 'rare-groups'
  const ratio = isRare ? RARE_RATIO : 1 - assumedShare(recipe)
  const solved = hasLearnt(measured) ? solveLambda(batches, ratio, isRare ? 1 : -1) : undefined
  if (solved === undefined) {
    const mark = `${figures}: the losses do not tell samples apart, and lambda stays off`
    return { mark, lambda: 0, over: 0 }
  }
  const lambda = twoDigits(isRare ? solved : CLOSER * solved)
  const over = Math.floor(step / 2)
  const share = Math.floor(100 * ratio + 0.5)
  const why = `${figures}; at lambda ${shown(solved)} the effective sample size was ${share} % of a batch`
  if (recipe.kind === 'off') return { mark: `${why}; measured alone: lambda stays off`, lambda: 0, over: 0 }
  const text = `exponential(${FROM * lambda}, ${lambda}, over=${over})`
  return { edit: { text, why }, mark: '', lambda, over }
}

/** Rounded to two significant digits. */
export function twoDigits(value: number): number {
  return Number(value.toPrecision(2))
}

function shown(value: number): string {
  return String(twoDigits(value))
}

/** What lambda is chosen for if the share is unknown. On noisy digits too large a share costs little. */
const ASSUMED = 0.3
const LEARNT = 0.95
const WIDE = 0.25
/** Wrong labels: the factor of the lambda that was solved for, because the losses go on separating. */
const CLOSER = 0.6
/** Lambda is annealed from this many times its last value, over half as many steps as it was off. */
const FROM = 8
const RARE_RATIO = 0.7
