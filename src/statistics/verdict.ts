/** Whether paired differences show an effect: a verdict in words, the same as `absgd_worker/ab/statistics.py` gives. */
import { confidenceInterval, mean, standardDeviation, studentQuantile } from './mean-and-interval.js'

export interface Verdict {
  /** The mean difference, above 0 where the second arm is better; NaN without a difference. */
  readonly mean: number
  /** The 95 % interval of the mean; null for fewer than three differences. */
  readonly low: number | null
  readonly high: number | null
  readonly kind: 'helps' | 'hurts' | 'no-difference' | 'cannot-tell'
  /** Further seeds that an answer takes, about; 0 with an answer. */
  readonly moreSeeds: number
  readonly words: string
}

/**
 * The verdict over paired differences, each above 0 where the second arm is better.
 *
 * If the interval contains 0, the number of further seeds is the smallest with which an effect of the size that was found, or of
 * `matters` if that is larger, would be outside of it at the same standard deviation.
 *
 * @param matters - The smallest difference that matters, above 0, in the unit of the metric
 */
export function verdictOf(gains: readonly number[], matters: number): Verdict {
  const center = mean(gains)
  const interval = confidenceInterval(gains)
  if (!Number.isFinite(center)) {
    const words = 'cannot tell: a value is not finite'
    return { mean: center, low: null, high: null, kind: 'cannot-tell', moreSeeds: 0, words }
  }
  if (interval === undefined) {
    const moreSeeds = LEAST - gains.length
    const words = `cannot tell yet: ${more(moreSeeds)} at least`
    return { mean: center, low: null, high: null, kind: 'cannot-tell', moreSeeds, words }
  }
  const found = { mean: center, ...interval, moreSeeds: 0 }
  if (interval.low > 0) return { ...found, kind: 'helps', words: 'helps' }
  if (interval.high < 0) return { ...found, kind: 'hurts', words: 'hurts' }
  if ((interval.high - interval.low) / 2 < matters) {
    return { ...found, kind: 'no-difference', words: `makes no difference that matters (${matters})` }
  }
  const seeds = seedsFor(Math.max(Math.abs(center), matters), standardDeviation(gains))
  const moreSeeds = Math.max(1, seeds - gains.length)
  return { ...found, kind: 'cannot-tell', moreSeeds, words: `cannot tell yet: about ${more(moreSeeds)}` }
}

function more(seeds: number): string {
  return seeds === 1 ? '1 more seed' : `${seeds} more seeds`
}

function seedsFor(effect: number, deviation: number): number {
  for (let seeds = LEAST; seeds < MOST_SEEDS; seeds++)
    if ((studentQuantile(seeds - 1) * deviation) / Math.sqrt(seeds) < effect) return seeds
  return MOST_SEEDS
}

const LEAST = 3
const MOST_SEEDS = 1000
