import { expect, test } from 'vitest'
import { stepNumbers } from '../../../src/history/series/step-numbers.js'
import type { WeightingRule } from '../../../src/record/weighting-rule.js'
import { FRESH_STATE, weigh } from '../../../src/weighting/weigh-batch.js'
import { steps, weighing } from '../../helpers/records.js'

const losses = Float64Array.of(0.1, 0.4, 2.5, 3)

/** What readers make of the second step of a weighing. */
function numbersOf(rule: WeightingRule, lambda: number): Record<string, number> {
  const before = weigh(
    losses.map((loss) => loss / 2),
    { lambda, gamma: 0.3 },
    FRESH_STATE,
    rule,
  ).state
  const { statistics } = weigh(losses, { lambda, gamma: 0.3 }, before, rule)
  const columns = weighing(1, {
    n: Uint32Array.of(statistics.n),
    m: Float64Array.of(statistics.m),
    sumW: Float64Array.of(statistics.sumW),
    sumW2: Float64Array.of(statistics.sumW2),
    sumWL: Float64Array.of(statistics.sumWL),
    maxW: Float64Array.of(statistics.maxW),
    meanLoss: Float64Array.of(statistics.meanLoss),
    freeEnergy: Float64Array.of(statistics.freeEnergy),
  })
  return stepNumbers(steps(0, 1, { controls: { lambda: Float64Array.of(lambda) }, weighings: [columns] }), 0)
}

test('the divergence does not depend on the rule: a floor is taken out of it', () => {
  const expected = numbersOf({ preset: 'default' }, -0.5)['train.kl']!
  expect(expected).toBeGreaterThan(0.1)
  for (const rule of [
    { preset: 'paper' },
    { preset: 'reference', alpha: 0.5, floor: false },
    { preset: 'reference', alpha: 0.5, floor: true },
    { preset: 'reference', alpha: 1, floor: true },
  ] as const)
    expect(numbersOf(rule, -0.5)['train.kl']).toBeCloseTo(expected, 10)
})

test('the sum of weights and the effective sample size are those of the weights with the floor', () => {
  const bare = numbersOf({ preset: 'reference', alpha: 0.5, floor: false }, -0.5)
  const raised = numbersOf({ preset: 'reference', alpha: 0.5, floor: true }, -0.5)
  expect(raised['train.sum_w']).toBeCloseTo(bare['train.sum_w']! + 1, 12)
  expect(raised['train.ess_ratio']).toBeGreaterThan(bare['train.ess_ratio']! + 0.05)
})

test('a lambda that the reference takes for off has even weights and no divergence', () => {
  const numbers = numbersOf({ preset: 'reference', alpha: 1, floor: true }, 200)
  expect(numbers).toMatchObject({ 'train.kl': 0, 'train.ess_ratio': 1, 'train.sum_w': 1 })
})

test('under a class factor the divergence is the one reported, the rest that of the weights applied', () => {
  const controls = { lambda: Float64Array.of(-1, -1) }
  const columns = weighing(2, {
    m: Float64Array.of(-1.5, -1.5),
    sumW: Float64Array.of(0.5, 0.5),
    sumWL: Float64Array.of(0.2, 0.2),
    freeEnergy: Float64Array.of(1.5, 1.5),
    bare: { kl: Float64Array.of(0.25, NaN), ess: Float64Array.of(20, NaN) },
  })
  const batch = steps(0, 2, { controls, weighings: [columns] })
  expect(stepNumbers(batch, 0)).toMatchObject({ 'train.kl': 0.25, 'train.sum_w': 0.5 })
  expect(stepNumbers(batch, 0)['train.ess_ratio']).toBe(0.5 ** 2 / (32 / 32))
  expect(stepNumbers(batch, 1)['train.kl']).toBeCloseTo(0.2 / -0.5 + 1.5, 12)
})
