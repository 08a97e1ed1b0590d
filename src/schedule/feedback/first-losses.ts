/** What a run began with: the measure of everything that the guard looks at, so that units of loss do not matter. */
import type { ReportedStep } from './feedback-rule.js'

export interface FirstLosses {
  /** Mean losses that were counted, at most `FIRST_STEPS`; 0 before the first. */
  readonly count: number
  /** Of those mean losses. */
  readonly sum: number
  /** The first mean loss. */
  readonly loss: number
  /** Whether the losses of the first batch were alike: known where lambda was small then. */
  readonly isEven: boolean
  /** The least of the means over the first k steps, k at most `FEW_STEPS`: before anything is learnt. */
  readonly early: number
  /** The same, k at most `FIRST_STEPS`: a loss that runs away at once does not raise it. */
  readonly least: number
  /** That k; 0 while there is none. */
  readonly leastCount: number
}

export const NO_FIRST_LOSSES: FirstLosses = {
  count: 0,
  sum: 0,
  loss: 0,
  isEven: false,
  early: 0,
  least: 0,
  leastCount: 0,
}

/** @param small - A lambda below so many mean losses is small */
export function withFirstLoss(first: FirstLosses, step: ReportedStep, small: number): FirstLosses {
  const { meanLoss } = step
  if (first.count >= FIRST_STEPS || !Number.isFinite(meanLoss)) return first
  const begun = first.count === 0 ? startFirstLosses(step, small) : first
  const count = first.count + 1
  const sum = first.sum + meanLoss
  const next = { ...begun, count, sum }
  const mean = sum / count
  // A few batches of unequal losses may all be lucky ones.
  if (count < FEW_STEPS && !begun.isEven) return next
  const isLeast = begun.leastCount === 0 || mean <= begun.least
  const early = count <= FEW_STEPS && isLeast ? mean : begun.early
  return isLeast ? { ...next, early, least: mean, leastCount: count } : { ...next, early }
}

function startFirstLosses(step: ReportedStep, small: number): FirstLosses {
  const { lambda, meanLoss } = step
  return {
    ...NO_BEGINNING,
    loss: meanLoss,
    early: meanLoss,
    isEven: isSmall(lambda, meanLoss, small) && isEven(step),
  }
}

/** Whether |lambda| is small against a loss: whatever is far below the first losses collapses, whatever is far above does not. */
export function isSmall(lambda: number, loss: number, small: number): boolean {
  return Math.abs(lambda) < small * Math.abs(loss)
}

/** `times` as much as a loss that may be below 0, where more is always higher. */
export function timesOf(loss: number, times: number): number {
  return loss + (times - 1) * Math.abs(loss)
}

/** NaN of nothing. */
export function mean(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length
}

/**
 * Whether the losses of a batch are alike, given a lambda that is small: those of a model that was trained before differ from the first batch
 * on. Where |lambda| is too small for an ESS to tell, the weighted mean does.
 */
export function isEven({ essRatio, meanLoss, weightedLoss }: ReportedStep): boolean {
  return essRatio > EVEN_ESS_RATIO || Math.abs(meanLoss - weightedLoss) < EVEN_GAP * Math.abs(meanLoss)
}

const FIRST_STEPS = 100
const FEW_STEPS = 10
const EVEN_ESS_RATIO = 0.9
/** Between the mean and the weighted mean of the losses, as a share of the mean. */
const EVEN_GAP = 0.25
