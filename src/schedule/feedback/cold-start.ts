/**
 * A run whose λ is negative and small from step 0 on: its losses are all alike at first, and the samples that happen to be
 * learnt first take all the weight within some thirty steps. What is dead then stays dead, so that it is to be seen before.
 */
import type { ReportedStep } from './rule.js'

/** How the first steps of such a run are watched: rows are planned no further than `lag` steps ahead of what is reported. */
export interface ColdStart {
  /** A negative λ whose |λ| is below this at step 0 is small. In units of loss. */
  readonly below: number
  /** So many steps are the first. */
  readonly steps: number
  readonly lag: number
  readonly patience: number
  readonly factor: number
  /** Below this share of the batch an effective sample size is too small while nothing is learnt. */
  readonly minEssRatio: number
}

export const COLD_START: ColdStart = {
  below: 2,
  steps: 256,
  lag: 4,
  patience: 3,
  factor: 64,
  minEssRatio: 0.8,
}

/** Whether a run that starts with this λ may start cold; none does for λ > 0, which raises the loss of what is easy on purpose. */
export function isCold(lambda: number, cold: ColdStart | undefined): boolean {
  return cold !== undefined && lambda < 0 && lambda > -cold.below
}

/** Whether a first batch weighed like this one is of a model that knows nothing: the losses of one that was trained before differ. */
export function isUntrained({ essRatio }: Beginning): boolean {
  return essRatio > EVEN
}

/** What the run began with. */
export interface Beginning {
  readonly count: number
  /** Of the mean losses. */
  readonly sum: number
  /** Of the first batch; NaN before it. */
  readonly essRatio: number
}

/**
 * Whether the weights of an untrained model draw apart before anything is learnt: this batch is not weighed evenly, and the mean
 * loss has not fallen.
 *
 * @param losses - The newest mean losses
 */
export function drawsApart(
  { essRatio }: ReportedStep,
  losses: readonly number[],
  { count, sum }: Beginning,
  { minEssRatio, patience }: ColdStart,
): boolean {
  const newest = losses.slice(-patience)
  const now = newest.reduce((a, b) => a + b, 0) / newest.length
  return essRatio < minEssRatio && now >= (LEARNT * sum) / count
}

const EVEN = 0.9
/** As a share of the mean loss at first. */
const LEARNT = 0.95
