import { describe, expect, test } from 'vitest'
import { shareOf, stratifiedShare } from '../../src/review/estimate.js'

/** An almost infinite population: the plain interval of Wilson. */
const many = 1e12

describe('the interval of a share', () => {
  test.each([
    // R: prop.test(k, n, correct = FALSE)$conf.int
    [0, 10, 0, 0.2775328],
    [1, 20, 0.0088814, 0.2361307],
    [5, 10, 0.2365931, 0.7634069],
    [81, 263, 0.2553123, 0.3661834],
  ])('is that of Wilson: %i of %i', (wrong, judged, low, high) => {
    const share = shareOf({ wrong, judged, size: many })!
    expect(share.value).toBe(wrong / judged)
    expect(share.low).toBeCloseTo(low, 4)
    expect(share.high).toBeCloseTo(high, 4)
  })

  test('is a point once all are judged, and never denies what was found', () => {
    expect(shareOf({ wrong: 3, judged: 10, size: 10 })).toEqual({ value: 0.3, low: 0.3, high: 0.3 })
    const almost = shareOf({ wrong: 9, judged: 9, size: 10 })!
    expect(almost.low).toBeGreaterThanOrEqual(0.9)
    expect(almost.high).toBe(1)
  })

  test('is unknown before one is judged', () => {
    expect(shareOf({ wrong: 0, judged: 0, size: 10 })).toBeUndefined()
    expect(stratifiedShare([{ wrong: 0, judged: 0, size: 10 }])).toBeUndefined()
  })
})

describe('the share over two strata', () => {
  const strata = (suspects: number, others: number) => [
    { wrong: suspects, judged: 500, size: 500 },
    { wrong: others, judged: 100, size: 9500 },
  ]

  test('weighs them by their sizes', () => {
    expect(stratifiedShare(strata(400, 2))!.value).toBeCloseTo((400 + 9500 * 0.02) / 10_000, 12)
  })

  test('has an interval that covers the truth in 95 of 100 reviews, over many truths', () => {
    const covered = Array.from({ length: 60 }, (_, i) => coverage(0.01 + i * 0.004))
    expect(covered.reduce((sum, one) => sum + one, 0) / 60).toBeCloseTo(0.95, 1.7)
    expect(Math.min(...covered)).toBeGreaterThan(0.85)
  })

  /** The probability of the reviews whose interval covers the truth, if this share of the others is wrong. */
  function coverage(share: number): number {
    const truth = (400 + 9500 * share) / 10_000
    let probability = (1 - share) ** 100
    let covered = 0
    for (let found = 0; found <= 100; found += 1) {
      const { low, high } = stratifiedShare(strata(400, found))!
      if (low <= truth && truth <= high) covered += probability
      probability *= ((100 - found) / (found + 1)) * (share / (1 - share))
    }
    return covered
  }
})
