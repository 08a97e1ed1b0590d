/** The preset `reference` against the recurrence of the authors, written here literally: linear, u from 0, unguarded. */
import { describe, expect, test } from 'vitest'
import type { WeightingRule } from '../../src/record/weighting-rule.js'
import { FRESH_STATE, weigh } from '../../src/weighting/weigh-batch.js'

interface Variant {
  readonly alpha: number
  readonly floor: boolean
}

function literalRecurrence({ alpha, floor }: Variant) {
  let u = 0
  return (losses: Float64Array, lambda: number, gamma: number): Float64Array => {
    const n = losses.length
    if (lambda >= 200) return losses.map(() => 1 / n)
    const exponentials = losses.map((loss) => Math.exp(loss / lambda))
    const mean = exponentials.reduce((a, b) => a + b, 0) / n
    u = (1 - gamma) * u + gamma * alpha * mean
    return exponentials.map((exponential) => exponential / (u * n) + (floor ? 1 / n : 0))
  }
}

const STEPS = 500

/** Off at first, as in the authors' two stages, then lambda, with parts at others. */
const lambdaAt = (step: number, lambda: number) =>
  ({ 0: 200, 1: 1e3, 4: 0.8 * lambda, 6: -lambda, 7: 200, 8: -300 })[Math.floor(step / 50)] ?? lambda

/** They fall as those of a classifier do. */
const BATCHES = Array.from({ length: STEPS }, (_, step) =>
  Float64Array.from({ length: 16 }, (_, sample) => {
    const uniform = ((step * 16 + sample) * 0.6180339887) % 1
    return (6 * uniform ** 3) / (1 + step / 200)
  }),
)

describe.each([0.1, 0.45, 0.7, 0.9])('gamma %s', (gamma) => {
  describe.each([0.3, 0.5, 1])('alpha %s', (alpha) => {
    test.each([false, true])('500 steps are those of the authors’ recurrence, floor %s', (floor) => {
      const rule: WeightingRule = { preset: 'reference', alpha, floor }
      for (const lambda of [5, 2, 0.5, -0.5, -5]) {
        const literal = literalRecurrence({ alpha, floor })
        let state = FRESH_STATE
        let worst = 0
        for (const [step, losses] of BATCHES.entries()) {
          const controls = { lambda: lambdaAt(step, lambda), gamma }
          const expected = literal(losses, controls.lambda, gamma)
          const weighed = weigh(losses, controls, state, rule)
          state = weighed.state
          for (const [i, weight] of weighed.weights.entries())
            worst = Math.max(worst, Math.abs(weight / expected[i]! - 1))
        }
        expect(worst).toBeLessThan(1e-11)
      }
    })
  })
})

test('the paper’s recurrence holds from the first batch on, its s untouched by changes of lambda', () => {
  let state = FRESH_STATE
  let s = NaN
  for (const [step, losses] of BATCHES.slice(0, 80).entries()) {
    const lambda = [2, 1, -1, 5][Math.floor(step / 20)]!
    const exponentials = losses.map((loss) => Math.exp(loss / lambda))
    const mean = exponentials.reduce((a, b) => a + b, 0) / losses.length
    s = step === 0 ? mean : 0.7 * s + 0.3 * mean
    const weighed = weigh(losses, { lambda, gamma: 0.3 }, state, { preset: 'paper' })
    state = weighed.state
    for (const [i, weight] of weighed.weights.entries())
      expect(weight / (exponentials[i]! / (s * losses.length))).toBeCloseTo(1, 11)
  }
})

test('losses that break the recurrence do not break the preset', () => {
  const rule: WeightingRule = { preset: 'reference', alpha: 0.5, floor: false }
  const usual = Float64Array.of(0.2, 1, 3, 0.7)
  const far = usual.map((loss) => loss + 1000)
  for (const lambda of [0.5, -0.5]) {
    const literal = literalRecurrence({ alpha: 0.5, floor: false })
    expect(literal(far, lambda, 0.9).every(Number.isNaN)).toBe(true)
    const { weights } = weigh(far, { lambda, gamma: 0.9 }, FRESH_STATE, rule)
    const shifted = weigh(usual, { lambda, gamma: 0.9 }, FRESH_STATE, rule).weights
    for (const [i, weight] of weights.entries()) expect(weight / shifted[i]!).toBeCloseTo(1, 10)
  }
})
