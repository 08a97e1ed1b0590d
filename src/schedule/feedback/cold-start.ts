/**
 * A cold start: |λ| is small while nothing is learnt. The losses are nearly equal at first, and the samples that happen to be learnt
 * first get all the weight within about thirty steps. A collapsed network often does not recover, so it must be detected before.
 */
import { isSmall, timesOf, type FirstLosses } from './first-losses.js'

/** Options of the checks during a cold start. Rows are planned at most `lag` steps ahead of the reports. */
export interface ColdStart {
  /** |λ| is small below this many times the first mean loss. */
  readonly below: number
  /** Number of steps, from the first weighed step, that count as the start. */
  readonly steps: number
  readonly lag: number
  /** Number of steps, from the first weighed step, before uneven weights are judged: the first losses are too noisy. */
  readonly earliest: number
  readonly patience: number
  /** Smallest factor of |λ|. */
  readonly factor: number
  /** |λ| becomes at least this many times the mean loss, which has almost no effect. */
  readonly off: number
  /** Smallest ESS ratio while nothing is learnt. */
  readonly minEssRatio: number
  /** Smallest ESS ratio while little is learnt, over the guard's patience; also for a model that was trained before. */
  readonly minLastingEssRatio: number
  /** For λ > 0: number of consecutive steps with an ESS ratio below `minStalledEssRatio` and little learnt that cause a warning. */
  readonly stalled: number
  readonly minStalledEssRatio: number
}

export const COLD_START: ColdStart = {
  below: 1,
  steps: 256,
  lag: 4,
  earliest: 8,
  patience: 3,
  factor: 64,
  off: 16,
  minEssRatio: 0.8,
  minLastingEssRatio: 0.6,
  stalled: 64,
  minStalledEssRatio: 0.3,
}

/**
 * Whether a run whose λ is on for the first time now starts cold.
 *
 * @param loss - The newest mean loss
 */
export function isCold(lambda: number, loss: number, first: FirstLosses, { below }: ColdStart): boolean {
  return isSmall(lambda, first.loss, below) && loss >= timesOf(first.early, LEARNT)
}

export interface SeenCold {
  /** ESS ratio. */
  readonly ess: number
  readonly lambda: number
  /** The newest mean loss. */
  readonly loss: number
  readonly isUntrained: boolean
}

/**
 * Whether the weights are uneven before anything is learnt: the ESS ratio is low, and the mean loss has not fallen. For a model that
 * may have been trained before, and for λ > 0, which raises the loss of easy samples on purpose, the loss must have risen.
 */
export function drawsApart(
  { ess, lambda, loss, isUntrained }: SeenCold,
  first: FirstLosses,
  { minEssRatio }: ColdStart,
): boolean {
  const times = lambda < 0 && isUntrained ? LEARNT : WORSE
  return ess < minEssRatio && loss >= timesOf(first.early, times)
}

/**
 * Whether much less than the batch has the weight. For λ < 0, wrong labels are rarely so many. λ > 0 puts the weight on few samples
 * on purpose, so that its limit is lower.
 */
export function isLopsided(
  ess: number,
  lambda: number,
  { minLastingEssRatio, minStalledEssRatio }: ColdStart,
): boolean {
  return ess < (lambda < 0 ? minLastingEssRatio : minStalledEssRatio)
}

/** @param loss - The mean over the newest steps */
export function hasLearntLittle(loss: number, { early }: FirstLosses): boolean {
  return loss >= timesOf(early, LITTLE)
}

/** The factor of |λ|: `factor`, or a larger power of two. @param scale - Size of the losses */
export function factorOf(lambda: number, scale: number, { factor, off }: ColdStart): number {
  const needed = 2 ** Math.ceil(Math.log2((off * scale) / Math.abs(lambda)))
  return Math.max(factor, Number.isFinite(needed) ? needed : 0)
}

/** Multiples of the first mean loss. */
const LEARNT = 0.95
const LITTLE = 0.8
const WORSE = 1.5
