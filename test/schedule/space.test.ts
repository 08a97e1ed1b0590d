import { describe, expect, test } from 'vitest'
import { cosine, linear, off, piecewise } from '../../src/schedule/anneal.js'
import { compile } from '../../src/schedule/compile.js'
import { bound, join, scale, warmup } from '../../src/schedule/compose.js'
import { epochs } from '../../src/schedule/duration.js'
import { fc, schedules, test as property } from './property.js'

const length = { stepsPerEpoch: 10, runSteps: 0 }
const size = fc.double({ min: 1e-3, max: 1e3, noNaN: true })
const sign = fc.constantFrom(1, -1)
const over = fc.integer({ min: 1, max: 200 })

describe('a ramp in 1/value', () => {
  test('comes down from off: 1/λ runs evenly from 0', () => {
    const value = compile(linear({ init: Infinity, end: -0.5, over: 4, space: 'inverse' }), length)
    expect([0, 1, 2, 3, 4, 9].map((step) => 1 / value(step))).toEqual([-0, -0.5, -1, -1.5, -2, -2])
  })

  test('joins off without a jump of 1/λ, on either side', () => {
    const ramp = linear({ init: Infinity, end: 2, over: 100, space: 'inverse' })
    const value = compile(join(off().for(10), ramp), length)
    expect(value(9)).toBe(Infinity)
    for (let step = 9; step < 120; step++)
      expect(Math.abs(1 / value(step + 1) - 1 / value(step))).toBeLessThanOrEqual(0.5 / 100 + 1e-12)
  })

  test('goes back to off', () => {
    const value = compile(cosine({ init: -2, end: Infinity, over: 4, space: 'inverse' }), length)
    expect([value(0), value(4)]).toEqual([-2, -Infinity])
    expect(value(2)).toBeCloseTo(-4, 12)
  })
})

property(
  [size, size, sign, over],
  'in log and 1/value a ramp never comes to 0, changes sign or leaves its ends',
  (a, b, s, steps) => {
    for (const space of ['log', 'inverse'] as const) {
      for (const ramp of [linear, cosine]) {
        const value = compile(ramp({ init: s * a, end: s * b, over: steps, space }), length)
        expect([value(0), value(steps), value(10 * steps)]).toEqual([s * a, s * b, s * b])
        for (let step = 0; step < steps; step++) {
          expect(Math.sign(value(step))).toBe(s)
          expect(Math.abs(value(step))).toBeGreaterThanOrEqual(Math.min(a, b))
          expect(Math.abs(value(step))).toBeLessThanOrEqual(Math.max(a, b))
        }
      }
    }
  },
)

describe('a ramp is refused', () => {
  test.each([
    ['across 0 in log', () => linear({ init: -1, end: 1, over: 4, space: 'log' }), /cannot run from -1 to 1/],
    ['across 0 in 1/value', () => linear({ init: -1, end: 1, over: 4, space: 'inverse' }), /change sign/],
    [
      'from 0 in 1/value',
      () => linear({ init: 0, end: 1, over: 4, space: 'inverse' }),
      /init of linear.* is 0/,
    ],
    [
      'from off to off',
      () => linear({ init: Infinity, end: -Infinity, over: 4, space: 'inverse' }),
      /off to off/,
    ],
    [
      'from off in its value',
      () => linear({ init: Infinity, end: 1, over: 4 }),
      /init of linear is Infinity/,
    ],
    ['in no space', () => linear({ init: 1, end: 2, over: 4, space: 'cubic' as never }), /'value', 'log' or/],
    ['without a duration', () => linear({ init: 1, end: 2 }), /given no durations/],
    ['with two', () => linear({ init: 1, end: 2, over: 3, transitionSteps: 3 }), /given two durations/],
    ['with a negative begin', () => linear({ init: 1, end: 2, over: 3, begin: -1 }), /steps\(-1\)/],
  ])('%s', (_how, make, words) => {
    let said = ''
    try {
      make()
    } catch (error) {
      const { message, hint = '' } = error as { message: string; hint?: string }
      said = `${message}; ${hint}`
    }
    expect(said).toMatch(words)
  })
})

describe('optax’s names', () => {
  test('transitionSteps, begin, warmupSteps and boundaries say the same', () => {
    const same = (a: Parameters<typeof compile>[0], b: Parameters<typeof compile>[0]) => {
      const [first, second] = [compile(a, length), compile(b, length)]
      for (let step = 0; step < 60; step++) expect(first(step)).toBe(second(step))
    }
    const ramp = { init: 1, end: 0.1 }
    same(linear({ ...ramp, transitionSteps: 20 }), linear({ ...ramp, over: 20 }))
    same(
      linear({ ...ramp, over: 20, begin: 7 }),
      join(linear({ init: 1, end: 1, over: 0 }).for(7), linear({ ...ramp, over: 20 })),
    )
    same(warmup({ warmupSteps: 5, then: 1 }), warmup({ over: 5, then: 1 }))
    same(linear({ ...ramp, over: 20, begin: 0 }), linear({ ...ramp, over: 20 }))
  })
})

describe('piecewise', () => {
  const boundaries = [
    [10, 2],
    [epochs(2), 8],
  ] as const

  test('jumps, or runs from boundary to boundary', () => {
    const jumps = compile(piecewise({ init: 1, boundaries }), length)
    expect([0, 9, 10, 19, 20, 99].map(jumps)).toEqual([1, 1, 2, 2, 8, 8])
    const steps = [
      [10, 2],
      [20, 8],
    ] as const
    const runs = compile(piecewise({ init: 1, boundaries: steps, interpolate: 'exponential' }), length)
    expect([0, 10, 20, 99].map(runs)).toEqual([1, 2, 8, 8])
    expect(runs(15)).toBeCloseTo(4, 12)
  })

  test('refuses boundaries that do not ascend', () => {
    const back = [
      [20, 2],
      [10, 8],
    ] as const
    expect(() => piecewise({ init: 1, boundaries: back, interpolate: 'linear' })).toThrow(/do not ascend/)
    expect(() => piecewise({ init: 1, boundaries: back })).toThrow(/do not ascend/)
  })
})

property(
  [
    schedules(size),
    fc.double({ min: 1e-3, max: 1e3, noNaN: true }),
    sign,
    fc.integer({ min: 1, max: 40 }),
    fc.nat(400),
  ],
  'scale multiplies every value',
  (schedule, factor, s, stepsPerEpoch, step) => {
    const at = { stepsPerEpoch, runSteps: 0 }
    const scaled = compile(scale(schedule, s * factor), at)(step)
    const plain = s * factor * compile(schedule, at)(step)
    expect(Math.abs(scaled - plain)).toBeLessThanOrEqual(1e-9 * Math.abs(plain))
  },
)

property(
  [schedules(size), size, size, sign, fc.integer({ min: 1, max: 40 }), fc.nat(400)],
  'bound holds the magnitude, keeps the sign, and leaves alone what is within',
  (schedule, a, b, s, stepsPerEpoch, step) => {
    const [min, max] = [Math.min(a, b), Math.max(a, b)]
    const at = { stepsPerEpoch, runSteps: 0 }
    const plain = s * compile(schedule, at)(step)
    const held = compile(bound(scale(schedule, s), { min, max }), at)(step)
    expect(Math.sign(held)).toBe(s)
    expect(Math.abs(held)).toBeGreaterThanOrEqual(min)
    expect(Math.abs(held)).toBeLessThanOrEqual(max)
    if (min < Math.abs(plain) && Math.abs(plain) < max) expect(held).toBeCloseTo(plain, 6)
  },
)

test('off is beyond every bound', () => {
  expect(compile(bound(off(), { max: 20 }), length)(3)).toBe(20)
  expect(compile(bound(off(), { min: 1 }), length)(3)).toBe(Infinity)
  expect(() => bound(2, { min: 3, max: 1 })).toThrow(/bound within 3 to 1/)
  expect(() => scale(2, 0)).toThrow(/scale by 0/)
})
