import { describe, expect, test } from 'vitest'
import { constant, cosine, exponential, linear, off, steps } from '../../src/schedule/anneal.js'
import { compile } from '../../src/schedule/compile-schedule.js'
import { epochs } from '../../src/schedule/duration.js'
import { fc, test as property } from './property.js'

const length = { stepsPerEpoch: 10, runSteps: 0 }

describe('values of', () => {
  test('constant: the same at every step', () => {
    const value = compile(constant(-0.5), length)
    expect([0, 1, 1e9].map(value)).toEqual([-0.5, -0.5, -0.5])
  })

  test('a plain number: constant', () => {
    expect(compile(0.9, length)(123)).toBe(0.9)
  })

  test('off: infinite', () => {
    expect(compile(off(), length)(7)).toBe(Infinity)
  })

  test('linear: a straight line, then its end', () => {
    const value = compile(linear({ init: 1, end: 0, over: steps(4) }), length)
    expect([0, 1, 2, 3, 4, 5, 400].map(value)).toEqual([1, 0.75, 0.5, 0.25, 0, 0, 0])
  })

  test('cosine: half a wave down to 0 unless told otherwise', () => {
    const value = compile(cosine({ init: 2, over: epochs(0.4) }), length)
    expect(value(0)).toBe(2)
    expect(value(1)).toBeCloseTo(1 + Math.SQRT1_2, 12)
    expect(value(2)).toBeCloseTo(1, 12)
    expect(value(4)).toBe(0)
    expect(compile(cosine({ init: 2, end: 1, over: 4 }), length)(2)).toBeCloseTo(1.5, 12)
  })

  test('exponential: even steps of the logarithm, of either sign', () => {
    const value = compile(exponential({ init: -8, end: -0.5, over: 4 }), length)
    expect([0, 4, 5].map(value)).toEqual([-8, -0.5, -0.5])
    for (const step of [1, 2, 3]) expect(value(step)).toBeCloseTo(-8 / 2 ** step, 12)
  })

  test('steps: each value from its boundary on', () => {
    const value = compile(
      steps({
        init: 1,
        at: [
          [epochs(1), 0.1],
          [15, 0.01],
        ],
      }),
      length,
    )
    expect([0, 9, 10, 14, 15, 99].map(value)).toEqual([1, 1, 0.1, 0.1, 0.01, 0.01])
  })
})

describe('a ramp over nothing', () => {
  test.each([linear, cosine, exponential])('is at its end from step 0 on', (ramp) => {
    const value = compile(ramp({ init: 3, end: 1, over: 0 }), length)
    expect([0, 1, 2].map(value)).toEqual([1, 1, 1])
  })
})

const finite = fc.double({ noNaN: true, noDefaultInfinity: true })
const positive = fc.double({ noNaN: true, noDefaultInfinity: true, min: Number.MIN_VALUE })

property(
  [finite, finite, fc.integer({ min: 1, max: 300 })],
  'linear and cosine stay between their ends and go one way',
  (init, end, over) => {
    for (const ramp of [linear, cosine])
      requireMonotone(compile(ramp({ init, end, over }), length), init, end, over)
  },
)

property(
  [positive, positive, fc.boolean(), fc.integer({ min: 1, max: 300 })],
  'exponential stays between its ends, goes one way, and never comes to 0',
  (a, b, negative, over) => {
    const [init, end] = negative ? [-a, -b] : [a, b]
    const value = compile(exponential({ init, end, over }), length)
    requireMonotone(value, init, end, over)
    expect(Array.from({ length: over + 1 }, (_, step) => value(step))).not.toContain(0)
  },
)

function requireMonotone(value: (step: number) => number, init: number, end: number, over: number): void {
  const values = Array.from({ length: over + 1 }, (_, step) => value(step))
  const rounding = Math.max(Math.abs(init), Math.abs(end)) * 1e-12 + 4 * Number.MIN_VALUE
  const rising = init < end ? values : values.toReversed()
  expect([values.at(0), values.at(-1)]).toEqual([init, end])
  expect(rising.filter((now, i) => now < (rising[i - 1] ?? now) - rounding)).toEqual([])
  expect(values.filter((now) => now < Math.min(init, end) || now > Math.max(init, end))).toEqual([])
}

describe('refused are', () => {
  test('NaN, everywhere', () => {
    expect(() => constant(NaN)).toThrow(/NaN/)
    expect(() => linear({ init: NaN, end: 1, over: 1 })).toThrow(/init of linear is NaN/)
    expect(() => cosine({ init: 1, end: NaN, over: 1 })).toThrow(/end of cosine is NaN/)
    expect(() => exponential({ init: 1, end: NaN, over: 1 })).toThrow(/end of exponential is NaN/)
    expect(() => steps({ init: 1, at: [[1, NaN]] })).toThrow(/a value of steps is NaN/)
  })

  test('an infinite end: no ramp comes there', () => {
    expect(() => linear({ init: 1, end: Infinity, over: 1 })).toThrow(/end of linear is Infinity/)
  })

  test.each([
    [5, -5],
    [0, 1],
    [1, 0],
  ])('exponential from %d to %d, which would pass 0', (init, end) => {
    expect(() => exponential({ init, end, over: 1 })).toThrow(/cannot run from/)
  })

  test('a ramp that does not say how long it takes', () => {
    expect(() => linear({ init: 1, end: 0 })).toThrow(/linear is given no durations/)
  })

  test('boundaries that do not ascend: at once where that is plain, else when an epoch’s steps are known', () => {
    const at = (a: number, b: ReturnType<typeof epochs> | number) =>
      [
        [a, 1],
        [b, 2],
      ] as const
    expect(() => steps({ init: 1, at: at(20, 10) })).toThrow(/do not ascend/)
    const mixed = steps({ init: 1, at: at(20, epochs(1)) })
    expect(() => compile(mixed, length)).toThrow(/step 10 comes after step 20/)
    expect(compile(mixed, { stepsPerEpoch: 30, runSteps: 0 })(30)).toBe(2)
  })
})
