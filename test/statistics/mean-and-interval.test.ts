import { describe, expect, test } from 'vitest'
import { confidenceInterval, mean, standardDeviation } from '../../src/statistics/mean-and-interval.js'

describe('a sample', () => {
  test('has a mean, and a deviation with n − 1', () => {
    // Squared distances to 5: 9 1 1 1 0 0 4 16, 32 in all.
    const values = [2, 4, 4, 4, 5, 5, 7, 9]
    expect(mean(values)).toBe(5)
    expect(standardDeviation(values)).toBeCloseTo(Math.sqrt(32 / 7), 12)
  })

  test('of one value has no deviation, of none no mean', () => {
    expect([mean([3]), standardDeviation([3]), mean([]), standardDeviation([])]).toEqual([3, NaN, NaN, NaN])
  })

  test('of equal values has a deviation of 0, whatever their mean rounds to', () => {
    expect(standardDeviation(Array.from({ length: 10 }, () => 0.1))).toBe(0)
  })

  test('that holds what is no number has neither', () => {
    expect([mean([1, NaN]), standardDeviation([1, NaN, 2])]).toEqual([NaN, NaN])
  })
})

describe("Student's interval", () => {
  test.each([
    // Quantiles at 0.975 as printed in tables, for 2, 4 and 9 degrees of freedom.
    [[1, 2, 3], 4.3027, 1 / Math.sqrt(3)],
    [[1, 2, 3, 4, 5], 2.7764, Math.sqrt(2.5 / 5)],
    [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 2.2622, Math.sqrt(55 / 6 / 10)],
  ])('of %j is mean ± t·sd/√n', (values, t, error) => {
    const { low, high } = confidenceInterval(values)!
    expect((low + high) / 2).toBeCloseTo(mean(values), 12)
    expect((high - low) / 2).toBeCloseTo(t * error, 4)
  })

  test('takes three values', () => {
    expect(confidenceInterval([1, 2])).toBeUndefined()
    expect(confidenceInterval([2, 2, 2])).toEqual({ low: 2, high: 2 })
  })
})
