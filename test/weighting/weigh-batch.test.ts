import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AbsgdError } from '../../src/errors.js'
import type { WeightState } from '../../src/weighting/weigh-batch.js'
import { FRESH_STATE, weigh } from '../../src/weighting/weigh-batch.js'

const loss = fc.double({ min: 0, max: 4, noNaN: true })
const batch = fc.array(loss, { minLength: 1, maxLength: 24 }).map((losses) => Float64Array.from(losses))
const batches = fc.array(batch, { minLength: 1, maxLength: 8 })
const gamma = fc.double({ min: 0.01, max: 1, noNaN: true })
const lambda = fc
  .tuple(fc.constantFrom(1, -1), fc.double({ min: 0.3, max: 20, noNaN: true }))
  .map(([sign, size]) => sign * size)

function check<T>(property: fc.IProperty<T>): void {
  fc.assert(property, { seed: 2012, numRuns: 200 })
}

const sum = (values: Float64Array) => values.reduce((a, b) => a + b, 0)

/** 1e-12 relative to values of at least `scale`. */
function expectClose(actual: Float64Array, expected: Float64Array, scale = 1e-3): void {
  expect(actual.length).toBe(expected.length)
  for (const [i, value] of expected.entries()) {
    expect(Math.abs(actual[i]! - value)).toBeLessThanOrEqual(1e-12 * Math.max(scale, Math.abs(value)))
  }
}

function after(history: readonly Float64Array[], lambda: number, gamma: number): WeightState {
  return history.reduce((state, losses) => weigh(losses, { lambda, gamma }, state).state, FRESH_STATE)
}

test('gamma 1 is the softmax whatever came before', () => {
  check(
    fc.property(batches, batch, lambda, (history, losses, lambda) => {
      const { weights } = weigh(losses, { lambda, gamma: 1 }, after(history, lambda, 0.5))
      const exponentials = losses.map((value) => Math.exp(value / lambda))
      expectClose(
        weights,
        exponentials.map((value) => value / sum(exponentials)),
      )
    }),
  )
})

test('the ratios of weights never depend on the state', () => {
  check(
    fc.property(batches, batch, lambda, gamma, (history, losses, lambda, gamma) => {
      const { weights } = weigh(losses, { lambda, gamma }, after(history, lambda, gamma))
      const ratios = weights.map((weight) => Math.log(weight / weights[0]!))
      expectClose(
        ratios,
        losses.map((value) => (value - losses[0]!) / lambda),
        10,
      )
    }),
  )
})

test('a shift of the whole history changes no weight', () => {
  check(
    fc.property(batches, batch, lambda, gamma, (history, losses, lambda, gamma) => {
      const shifted = (values: Float64Array) => values.map((value) => value + 3)
      const plain = weigh(losses, { lambda, gamma }, after(history, lambda, gamma))
      const moved = weigh(shifted(losses), { lambda, gamma }, after(history.map(shifted), lambda, gamma))
      expectClose(moved.weights, plain.weights, 1)
    }),
  )
})

test('losses and lambda scaled alike change no weight', () => {
  check(
    fc.property(batches, batch, lambda, gamma, (history, losses, lambda, gamma) => {
      const scaled = (values: Float64Array) => values.map((value) => 7 * value)
      const plain = weigh(losses, { lambda, gamma }, after(history, lambda, gamma))
      const state = after(history.map(scaled), 7 * lambda, gamma)
      expectClose(weigh(scaled(losses), { lambda: 7 * lambda, gamma }, state).weights, plain.weights, 1)
    }),
  )
})

test('a permutation permutes the weights, and a batch given twice halves them', () => {
  check(
    fc.property(batches, batch, lambda, gamma, (history, losses, lambda, gamma) => {
      const state = after(history, lambda, gamma)
      const { weights } = weigh(losses, { lambda, gamma }, state)
      expectClose(weigh(losses.toReversed(), { lambda, gamma }, state).weights, weights.toReversed())
      const twice = weigh(Float64Array.from([...losses, ...losses]), { lambda, gamma }, state)
      expectClose(
        twice.weights.slice(0, losses.length),
        weights.map((weight) => weight / 2),
      )
    }),
  )
})

test('a large lambda approaches the plain mean, a small one the extreme losses', () => {
  const losses = Float64Array.of(0.2, 3, 1, 3, 0.2)
  const weightsAt = (lambda: number) => [...weigh(losses, { lambda, gamma: 0.5 }, FRESH_STATE).weights]
  for (const lambda of [1e7, -1e7]) {
    for (const weight of weightsAt(lambda)) expect(weight).toBeCloseTo(0.2, 6)
  }
  expect(weightsAt(1e-9)).toEqual([0, 0.5, 0, 0.5, 0])
  expect(weightsAt(-1e-9)).toEqual([0.5, 0, 0, 0, 0.5])
})

test('the weights are the gradient of lambda·log mean exp(loss/lambda)', () => {
  check(
    fc.property(batch, lambda, (losses, lambda) => {
      const energy = (values: Float64Array) =>
        weigh(values, { lambda, gamma: 1 }, FRESH_STATE).state.freeEnergy
      const { weights } = weigh(losses, { lambda, gamma: 1 }, FRESH_STATE)
      const step = 1e-5
      const raised = energy(losses.map((value, i) => (i === 0 ? value + step : value)))
      const lowered = energy(losses.map((value, i) => (i === 0 ? value - step : value)))
      expect((raised - lowered) / (2 * step)).toBeCloseTo(weights[0]!, 8)
    }),
  )
})

test('the mean in the log domain is the linear one', () => {
  check(
    fc.property(fc.array(fc.tuple(batch, gamma), { minLength: 1, maxLength: 8 }), (steps) => {
      let state = FRESH_STATE
      let linear = 0
      let mass = 0
      for (const [losses, gamma] of steps) {
        const weighed = weigh(losses, { lambda: 8, gamma }, state)
        linear =
          (1 - gamma) * linear + (gamma * sum(losses.map((value) => Math.exp(value / 8)))) / losses.length
        mass = (1 - gamma) * mass + gamma
        state = weighed.state
        expect(weighed.statistics.capped).toBe(0)
        expect(Math.exp(state.freeEnergy / 8) / (linear / mass)).toBeCloseTo(1, 12)
      }
    }),
  )
})

test('a gamma that moves at random stays unbiased on constant losses', () => {
  check(
    fc.property(fc.array(gamma, { minLength: 1, maxLength: 60 }), lambda, (gammas, lambda) => {
      let state = FRESH_STATE
      for (const gamma of gammas) {
        const weighed = weigh(new Float64Array(4).fill(1.7), { lambda, gamma }, state)
        state = weighed.state
        expect(weighed.statistics.sumW).toBeCloseTo(1, 12)
      }
    }),
  )
})

test('off weighs evenly and keeps the estimate, and history is dropped on the way back', () => {
  const losses = Float64Array.of(0.1, 2, 3)
  const before = after([losses, losses.map((value) => 2 * value)], 1, 0.3)
  for (const lambda of [Infinity, -Infinity]) {
    const off = weigh(losses, { lambda, gamma: 0.3 }, before)
    expect([...off.weights]).toEqual([1 / 3, 1 / 3, 1 / 3])
    expect(off.state).toEqual({ ...before, lambda })
    expect(weigh(losses, { lambda: 1, gamma: 0.3 }, off.state)).toEqual(
      weigh(losses, { lambda: 1, gamma: 0.3 }, FRESH_STATE),
    )
  }
})

describe.each(['one sample', 'a whole batch', 'the first batch', 'the level rises', 'the level falls'])(
  'a spike of 1e4: %s',
  (kind) => {
    const hit = (step: number, sample: number) =>
      ({
        'one sample': step === 20 && sample === 3,
        'a whole batch': step === 20,
        'the first batch': step === 0,
        'the level rises': step >= 20,
        'the level falls': step < 20,
      })[kind]

    test.each([0.1, 0.45, 0.7, 0.9])('neither stalls nor kicks at gamma %s', (gamma) => {
      for (const lambda of [0.05, -0.05, 0.5, -0.5, 5, -5]) {
        let state = FRESH_STATE
        let stalled = 0
        for (let step = 0; step < 140; step++) {
          const losses = Float64Array.from({ length: 32 }, (_, sample) => {
            const uniform = ((step * 32 + sample) * 0.6180339887) % 1
            return 2 * uniform ** 2 + (hit(step, sample) ? 1e4 : 0)
          })
          const weighed = weigh(losses, { lambda, gamma }, state)
          state = weighed.state
          stalled = weighed.statistics.sumW < 0.1 ? stalled + 1 : 0
          expect(stalled).toBeLessThanOrEqual(50)
          expect(weighed.statistics.sumW).toBeLessThanOrEqual(2 * (1 + 1e-12))
          expect(weighed.weights.every(Number.isFinite)).toBe(true)
        }
      }
    })
  },
)

test.each([
  [{ lambda: 0, gamma: 0.9 }, [1], 'lambda is 0, must be a number other than 0'],
  [{ lambda: NaN, gamma: 0.9 }, [1], 'lambda is NaN'],
  [{ lambda: 1, gamma: 0 }, [1], 'gamma is 0, must be in (0, 1]'],
  [{ lambda: Infinity, gamma: 1.5 }, [1], 'gamma is 1.5'],
  [{ lambda: 1, gamma: NaN }, [1], 'gamma is NaN'],
  [{ lambda: 1, gamma: 1 }, [], 'the batch has 0 losses, must have at least 1'],
])('%o with losses %o is refused by name', (controls, losses, message) => {
  const refused = () => weigh(Float64Array.from(losses), controls, FRESH_STATE)
  expect(refused).toThrow(AbsgdError)
  expect(refused).toThrow(message)
})
