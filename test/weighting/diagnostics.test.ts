import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { WeightingRule } from '../../src/record/weighting-rule.js'
import {
  effectiveLearningRate,
  essOfAppliedWeights,
  essRatioBeforeClassFactor,
  essRatioOfAppliedWeights,
  klBeforeClassFactor,
} from '../../src/weighting/diagnostics.js'
import { FRESH_STATE, weigh } from '../../src/weighting/weigh-batch.js'

const losses = fc
  .array(fc.double({ min: 0, max: 6, noNaN: true }), { minLength: 1, maxLength: 40 })
  .map((values) => Float64Array.from(values))
const lambda = fc.constantFrom(0.3, -0.3, 1, -1, 5, -5, 200)

test('diagnostics are those of the weights themselves', () => {
  const property = fc.property(losses, losses, lambda, (first, second, lambda) => {
    const controls = { lambda, gamma: 0.4 }
    const before = weigh(first, controls, FRESH_STATE).state
    const { weights, statistics } = weigh(second, controls, before)
    const sum = weights.reduce((a, b) => a + b, 0)
    const p = weights.map((weight) => weight / sum)
    const entropy = -p.reduce((a, b) => (b > 0 ? a + b * Math.log(b) : a), 0)
    const n = weights.length

    const kl = klBeforeClassFactor(statistics, lambda)
    const ess = essOfAppliedWeights(statistics)
    expect(kl).toBeCloseTo(Math.log(n) - entropy, 10)
    expect(ess).toBeCloseTo(1 / p.reduce((a, b) => a + b * b, 0), 9)
    expect(essRatioOfAppliedWeights(statistics)).toBeCloseTo(ess / n, 12)
    expect(effectiveLearningRate(0.1, statistics.sumW)).toBeCloseTo(0.1 * sum, 12)
    expect(kl).toBeGreaterThanOrEqual(0)
    // A batch of range R has ESS >= n·sech²(R/2λ).
    const range = Math.max(...second) - Math.min(...second)
    const bound = n / Math.cosh(range / (2 * lambda)) ** 2
    expect(ess).toBeGreaterThanOrEqual(bound * (1 - 1e-9))
  })
  fc.assert(property, { seed: 2012, numRuns: 300 })
})

test('KL is that of the weights before a floor, ESS that of the weights with it', () => {
  const rule: WeightingRule = { preset: 'reference', alpha: 0.5, floor: true }
  const property = fc.property(losses, losses, lambda, (first, second, lambda) => {
    const controls = { lambda: Math.min(lambda, 199), gamma: 0.4 }
    const before = weigh(first, controls, FRESH_STATE, rule).state
    const { weights, statistics } = weigh(second, controls, before, rule)
    const kl = klBeforeClassFactor(statistics, controls.lambda)
    const bare = weigh(second, controls, before, { ...rule, floor: false })
    expect(kl).toBeCloseTo(klBeforeClassFactor(bare.statistics, controls.lambda), 9)
    const sum = weights.reduce((a, b) => a + b, 0)
    const ess = sum ** 2 / weights.reduce((a, b) => a + b * b, 0)
    expect(essOfAppliedWeights(statistics) / ess).toBeCloseTo(1, 10)
  })
  fc.assert(property, { seed: 2012, numRuns: 300 })
})

test('without a finite lambda the weights are even: all samples count, KL is 0', () => {
  const { statistics } = weigh(Float64Array.of(1, 2, 3, 4), { lambda: -Infinity, gamma: 0.9 }, FRESH_STATE)
  const kl = klBeforeClassFactor(statistics, -Infinity)
  expect(kl).toBe(0)
  expect(essRatioOfAppliedWeights(statistics)).toBe(1)
  expect(effectiveLearningRate(0.5, statistics.sumW)).toBe(0.5)
})

test('the ESS ratio before the class factor is the one reported; without a class factor it is that of the applied weights', () => {
  const sums = { n: 8, sumW: 1, sumW2: 0.25 }
  expect(essRatioOfAppliedWeights(sums)).toBe(0.5)
  expect(essRatioBeforeClassFactor(sums, 6)).toBe(0.75)
  expect(essRatioBeforeClassFactor(sums)).toBe(0.5)
  expect(essRatioBeforeClassFactor(sums, NaN)).toBe(0.5)
})
