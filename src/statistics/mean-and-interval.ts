/** Mean, standard deviation, and Student's confidence interval of a mean. */
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
  // Rounding of the mean would give a small deviation above 0.
  if (values.every((value) => value === values[0])) return 0
  const center = mean(values)
  const squares = values.reduce((sum, value) => sum + (value - center) ** 2, 0)
  return Math.sqrt(squares / (values.length - 1))
}

/**
 * The 95 % confidence interval of the mean, mean ± t(0.975, n − 1)·sd/√n, for values that are about normally distributed.
 *
 * Undefined for fewer than three values: with two, t is 12.7, and the interval would be too wide to be useful.
 */
export function confidenceInterval(values: readonly number[]): Interval | undefined {
  const n = values.length
  if (n < MIN_VALUES) return undefined
  const center = mean(values)
  const half = (studentQuantile(n - 1) * standardDeviation(values)) / Math.sqrt(n)
  return { low: center - half, high: center + half }
}

/** The 0.975 quantile of Student's t with so many degrees of freedom, from 1. */
export function studentQuantile(degrees: number): number {
  return quantile(0.975, degrees)
}

const MIN_VALUES = 3
