/** Figures of a sample, and Student's interval for a mean. */
import quantile from '@stdlib/stats-base-dists-t-quantile'

export interface Interval {
  readonly low: number
  readonly high: number
}

/** NaN for no values. */
export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

/** Sample standard deviation, with n − 1; NaN for fewer than two values. */
export function standardDeviation(values: readonly number[]): number {
  if (values.length < 2) return NaN
  // Rounding of the mean would leave a trace of a deviation.
  if (values.every((value) => value === values[0])) return 0
  const center = mean(values)
  const squares = values.reduce((sum, value) => sum + (value - center) ** 2, 0)
  return Math.sqrt(squares / (values.length - 1))
}

/**
 * mean ± t(0.975, n − 1)·sd/√n: where the mean of such values lies in 95 of 100 samples, if they are about normal.
 *
 * Undefined for fewer than three values: with two, t is 12.7, and an interval of nine deviations says nothing.
 */
export function confidenceInterval(values: readonly number[]): Interval | undefined {
  const n = values.length
  if (n < MIN_VALUES) return undefined
  const center = mean(values)
  const half = (quantile(0.975, n - 1) * standardDeviation(values)) / Math.sqrt(n)
  return { low: center - half, high: center + half }
}

const MIN_VALUES = 3
