/** The mean losses of the first steps of a run. The guard measures later losses against them, so that units do not matter. */
import type { ReportedStep } from './feedback-rule.js'

export interface FirstLosses {
  /** Number of mean losses so far, at most `FIRST_STEPS`. */
  readonly count: number
  /** Sum of those mean losses. */
  readonly sum: number
  /** The first mean loss. */
  readonly loss: number
  /** Whether the losses of the first batch were nearly equal. Only known if lambda was small at that step, else false. */
  readonly isEven: boolean
  /** The smallest of the means over the first k steps, k ≤ `FEW_STEPS`: the loss before anything is learnt. */
  readonly early: number
  /** The same for k ≤ `FIRST_STEPS`. A loss that diverges at once does not raise it. */
  readonly least: number
  /** The k of `least`; 0 before there is one. */
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

/** Adds the mean loss of a step. @param small - |lambda| below this many mean losses is small */
export function withFirstLoss(first: FirstLosses, step: ReportedStep, small: number): FirstLosses {
  const { meanLoss } = step
  if (first.count >= FIRST_STEPS || !Number.isFinite(meanLoss)) return first
  const begun = first.count === 0 ? startFirstLosses(step, small) : first
  const count = first.count + 1
  const sum = first.sum + meanLoss
  const next = { ...begun, count, sum }
  const mean = sum / count
  // If losses are unequal, the mean over a few batches can be low by chance.
  if (count < FEW_STEPS && !begun.isEven) return next
  const isLeast = begun.leastCount === 0 || mean <= begun.least
  const early = count <= FEW_STEPS && isLeast ? mean : begun.early
  return isLeast ? { ...next, early, least: mean, leastCount: count } : { ...next, early }
}

function startFirstLosses(step: ReportedStep, small: number): FirstLosses {
  const { lambda, meanLoss } = step
  return {
    ...NO_FIRST_LOSSES,
    loss: meanLoss,
    early: meanLoss,
    isEven: isSmall(lambda, meanLoss, small) && isEven(step),
  }
}

/** Whether |lambda| is small against a loss. Runs collapse if it is far below the first losses, and do not if it is far above. */
export function isSmall(lambda: number, loss: number, small: number): boolean {
  return Math.abs(lambda) < small * Math.abs(loss)
}

/** A loss increased to `times` its size. For a negative loss it is increased too, by the same share of its size. */
export function timesOf(loss: number, times: number): number {
  return loss + (times - 1) * Math.abs(loss)
}

/** NaN if there are no values. */
export function mean(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length
}

/**
 * Whether the losses of a batch are nearly equal, given a small lambda. The losses of a model that was trained before differ from the
 * first batch on. If |lambda| is so small that the ESS is always low, the weighted mean decides.
 */
export function isEven({ essRatio, meanLoss, weightedLoss }: ReportedStep): boolean {
  return essRatio > EVEN_ESS_RATIO || Math.abs(meanLoss - weightedLoss) < EVEN_GAP * Math.abs(meanLoss)
}

const FIRST_STEPS = 100
const FEW_STEPS = 10
const EVEN_ESS_RATIO = 0.9
/** Largest difference between the mean and the weighted mean of nearly equal losses, as a share of the mean. */
const EVEN_GAP = 0.25
