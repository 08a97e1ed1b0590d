import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { WeightingRule } from '../../src/record/weighting-rule.js'
import { diagnose } from '../../src/weighting/diagnostics.js'
import { FRESH_STATE, weigh } from '../../src/weighting/rule.js'

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

    const diagnostics = diagnose(statistics, { lambda, lr: 0.1 })
    expect(diagnostics.entropy).toBeCloseTo(entropy, 10)
    expect(diagnostics.kl).toBeCloseTo(Math.log(n) - entropy, 10)
    expect(diagnostics.effectiveSampleSize).toBeCloseTo(1 / p.reduce((a, b) => a + b * b, 0), 9)
    expect(diagnostics.essRatio).toBeCloseTo(diagnostics.effectiveSampleSize / n, 12)
    expect(diagnostics.effectiveLearningRate).toBeCloseTo(0.1 * sum, 12)
    expect(diagnostics.kl).toBeGreaterThanOrEqual(0)
    // A batch of range R has ESS >= n·sech²(R/2λ).
    const range = Math.max(...second) - Math.min(...second)
    const bound = n / Math.cosh(range / (2 * lambda)) ** 2
    expect(diagnostics.effectiveSampleSize).toBeGreaterThanOrEqual(bound * (1 - 1e-9))
  })
  fc.assert(property, { seed: 2012, numRuns: 300 })
})

test('under a floor KL and entropy are those of what it is added to, the rest those of the weights applied', () => {
  const rule: WeightingRule = { preset: 'reference', alpha: 0.5, floor: true }
  const property = fc.property(losses, losses, lambda, (first, second, lambda) => {
    const controls = { lambda: Math.min(lambda, 199), gamma: 0.4 }
    const before = weigh(first, controls, FRESH_STATE, rule).state
    const { weights, statistics } = weigh(second, controls, before, rule)
    const n = weights.length
    const diagnostics = diagnose(statistics, controls)
    const bare = weigh(second, controls, before, { ...rule, floor: false })
    expect(diagnostics.kl).toBeCloseTo(diagnose(bare.statistics, controls).kl, 9)
    expect(diagnostics.entropy).toBeCloseTo(Math.log(n) - diagnostics.kl, 12)
    const sum = weights.reduce((a, b) => a + b, 0)
    const ess = sum ** 2 / weights.reduce((a, b) => a + b * b, 0)
    expect(diagnostics.effectiveSampleSize / ess).toBeCloseTo(1, 10)
  })
  fc.assert(property, { seed: 2012, numRuns: 300 })
})

test('without a finite lambda the weights are even: all samples count, KL is 0', () => {
  const { statistics } = weigh(Float64Array.of(1, 2, 3, 4), { lambda: -Infinity, gamma: 0.9 }, FRESH_STATE)
  expect(diagnose(statistics, { lambda: -Infinity, lr: 0.5 })).toEqual({
    effectiveSampleSize: 4,
    essRatio: 1,
    kl: 0,
    entropy: Math.log(4),
    effectiveLearningRate: 0.5,
  })
})

test('without a learning rate there is no effective one', () => {
  const { statistics } = weigh(Float64Array.of(1, 2), { lambda: 1, gamma: 0.9 }, FRESH_STATE)
  expect(diagnose(statistics, { lambda: 1 }).effectiveLearningRate).toBeNaN()
})
