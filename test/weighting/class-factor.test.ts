import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { WeightingRule } from '../../src/record/weighting-rule.js'
import { classFactors, weighBalanced } from '../../src/weighting/class-factor.js'
import {
  essOfAppliedWeights,
  essRatioBeforeClassFactor,
  klBeforeClassFactor,
} from '../../src/weighting/diagnostics.js'
import { FRESH_STATE, weigh, type WeighingStatistics } from '../../src/weighting/rule.js'

type Numeric = number | 'nan' | 'inf' | '-inf'
interface GoldenStep {
  readonly losses: readonly Numeric[]
  readonly labels: readonly number[]
  readonly lam: Numeric
  readonly gamma: number
  readonly beta: number
  readonly weights: readonly number[]
  readonly statistics: Readonly<Record<string, Numeric>>
  readonly bare: { readonly kl: number; readonly ess: number }
}
interface Golden {
  readonly factors: readonly {
    readonly counts: readonly number[]
    readonly beta: number
    readonly factors: readonly number[]
  }[]
  readonly counts: readonly number[]
  readonly sequences: readonly {
    readonly name: string
    readonly preset: 'default' | 'paper' | 'reference'
    readonly alpha: number
    readonly floor: boolean
    readonly steps: readonly GoldenStep[]
  }[]
}

const file = new URL('../../proto/golden/class_balance.json', import.meta.url)
const golden = JSON.parse(readFileSync(file, 'utf8')) as Golden
const SPELLED = { nan: NaN, inf: Infinity, '-inf': -Infinity }
const value = (number: Numeric): number => (typeof number === 'number' ? number : SPELLED[number])

const NAMES = {
  sumW: 'sum_w',
  sumW2: 'sum_w2',
  sumWL: 'sum_wl',
  maxW: 'max_w',
  meanLoss: 'mean_loss',
  m: 'm',
  freeEnergy: 'free_energy',
  nonFinite: 'non_finite',
} as const satisfies Partial<Record<keyof WeighingStatistics, string>>

function expectClose(actual: number, expected: number, what: string): void {
  if (!Number.isFinite(expected)) expect(actual, what).toBe(expected)
  else
    expect(Math.abs(actual - expected), what).toBeLessThanOrEqual(Math.max(1e-15, 1e-12 * Math.abs(expected)))
}

test.each(golden.factors)('the factors of $counts at $beta', ({ counts, beta, factors }) => {
  const found = classFactors(counts, beta)
  factors.forEach((factor, i) => {
    expectClose(found[i]!, factor, `class ${i}`)
  })
  const classes = counts.filter((count) => count > 0).length
  expectClose(
    found.reduce((a, b) => a + b, 0),
    classes,
    'their sum',
  )
})

describe.each(golden.sequences)('$name', ({ preset, alpha, floor, steps }) => {
  test('each step gives what the vectors say', () => {
    const rule: WeightingRule = preset === 'reference' ? { preset, alpha, floor } : { preset }
    let state = FRESH_STATE
    for (const [index, step] of steps.entries()) {
      const losses = Float64Array.from(step.losses, value)
      const byClass = classFactors(golden.counts, step.beta)
      const factors = Float64Array.from(step.labels, (label) => byClass[label]!)
      const controls = { lambda: value(step.lam), gamma: step.gamma }
      const weighed = weighBalanced(losses, factors, controls, state, rule)
      state = weighed.state
      step.weights.forEach((weight, i) => {
        expectClose(weighed.weights[i]!, weight, `weight ${i} of step ${index}`)
      })
      for (const name of Object.keys(NAMES) as (keyof typeof NAMES)[])
        expectClose(
          weighed.statistics[name],
          value(step.statistics[NAMES[name]]!),
          `${name} of step ${index}`,
        )
      expectClose(weighed.statistics.bare.kl, step.bare.kl, `bare KL of step ${index}`)
      expectClose(weighed.statistics.bare.ess, step.bare.ess, `bare ESS of step ${index}`)
    }
  })
})

const losses = Float64Array.of(0.1, 0.4, 2.5, 3, 0.2)
const factors = Float64Array.of(0.2, 0.2, 3, 0.2, 3)
const controls = { lambda: -0.7, gamma: 0.6 }

test('outside the exponent the factor multiplies what the losses alone decide; inside it does not', () => {
  for (const preset of ['default', 'paper'] as const) {
    const alone = weigh(losses, controls, FRESH_STATE, { preset })
    const balanced = weighBalanced(losses, factors, controls, FRESH_STATE, { preset })
    expect([...balanced.weights]).toEqual(Array.from(alone.weights, (weight, i) => weight * factors[i]!))
    expect(balanced.state).toEqual(alone.state)
  }
  const rule = { preset: 'reference', alpha: 1, floor: false } as const
  const alone = weigh(losses, controls, FRESH_STATE, rule)
  const balanced = weighBalanced(losses, factors, controls, FRESH_STATE, rule)
  const ratio = (weights: Float64Array) => Math.log(weights[2]! / weights[3]!)
  expect(ratio(alone.weights)).toBeCloseTo((2.5 - 3) / -0.7, 12)
  expect(ratio(balanced.weights)).toBeCloseTo((3 * 2.5 - 0.2 * 3) / -0.7 + Math.log(3 / 0.2), 12)
})

test('KL is that of the weights before the class factor; there is one effective sample size before it and one after it', () => {
  const alone = weigh(losses, controls, FRESH_STATE).statistics
  const { weights, statistics } = weighBalanced(losses, factors, controls, FRESH_STATE)
  const { lambda } = controls
  const { kl, ess } = statistics.bare
  expect(klBeforeClassFactor(statistics, lambda, kl)).toBeCloseTo(klBeforeClassFactor(alone, lambda), 12)
  expect(ess).toBeCloseTo(essOfAppliedWeights(alone), 12)
  expect(essRatioBeforeClassFactor(statistics, ess)).toBeCloseTo(essRatioBeforeClassFactor(alone), 12)
  const sum = weights.reduce((a, b) => a + b, 0)
  expect(essOfAppliedWeights(statistics)).toBeCloseTo(sum ** 2 / weights.reduce((a, b) => a + b * b, 0), 12)
  expect(essOfAppliedWeights(statistics)).toBeLessThan(essOfAppliedWeights(alone) - 0.5)
})
