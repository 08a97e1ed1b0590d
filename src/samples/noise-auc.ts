/** How well the mean loss finds wrong labels, for tasks that know which labels are wrong. */
import { isWrong, meanLosses, type SampleLosses } from './sample-losses.js'

export interface NoiseRanking {
  /**
   * Probability that a sample with label ≠ true label has a larger mean loss than another sample, ties counting half.
   * In [0, 1]; 0.5 is chance.
   */
  readonly auc: number
  /** Number of ranked samples with a wrong label. */
  readonly wrong: number
  /** Number of ranked samples with a right label. */
  readonly right: number
}

/**
 * Undefined if true labels are unknown, or if all or no labels are wrong. Samples without a label, samples that were never seen, and
 * samples with a NaN loss are left out.
 */
export function noiseRanking(losses: SampleLosses): NoiseRanking | undefined {
  const means = meanLosses(losses)
  const isRanked = (mean: number) => !Number.isNaN(mean)
  const wrong = means.filter((mean, i) => isRanked(mean) && isWrong(losses, i) === true).sort()
  const right = means.filter((mean, i) => isRanked(mean) && isWrong(losses, i) === false).sort()
  if (wrong.length === 0 || right.length === 0) return undefined
  let wins = 0
  let smaller = 0
  let notLarger = 0
  for (const mean of wrong) {
    while (smaller < right.length && right[smaller]! < mean) smaller += 1
    while (notLarger < right.length && right[notLarger]! <= mean) notLarger += 1
    wins += (smaller + notLarger) / 2
  }
  return { auc: wins / (wrong.length * right.length), wrong: wrong.length, right: right.length }
}
