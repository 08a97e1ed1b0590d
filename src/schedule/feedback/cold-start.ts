/**
 * A run whose |λ| is small from step 0 on: its losses are all alike at first, and for λ < 0 the samples that happen to be
 * learnt first take all the weight within some thirty steps. What is dead then stays dead, so that it is to be seen before.
 */
import type { ReportedStep } from './rule.js'

/** How the first steps of such a run are watched: rows are planned no further than `lag` steps ahead of what is reported. */
export interface ColdStart {
  /** A |λ| below this at step 0 is small. In units of loss. */
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

/** Whether a run that starts with this λ starts cold. */
export function isCold(lambda: number, cold: ColdStart | undefined): boolean {
  return cold !== undefined && Math.abs(lambda) < cold.below
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
 * Whether weights draw apart before anything is learnt: the first batch was weighed evenly, this one is not, and the mean loss has
 * not fallen. None for λ > 0, which raises the loss of what is easy on purpose, and none for a model that was trained before,
 * whose losses differ from the first batch on.
 *
 * @param losses - The newest mean losses
 */
export function drawsApart(
  { lambda, essRatio }: ReportedStep,
  losses: readonly number[],
  { count, sum, essRatio: first }: Beginning,
  { minEssRatio, patience }: ColdStart,
): boolean {
  const newest = losses.slice(-patience)
  const now = newest.reduce((a, b) => a + b, 0) / newest.length
  return lambda < 0 && first > EVEN && essRatio < minEssRatio && now >= (LEARNT * sum) / count
}

const EVEN = 0.9
/** As a share of the mean loss at first. */
const LEARNT = 0.95
