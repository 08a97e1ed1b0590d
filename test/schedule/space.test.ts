import { describe, expect, test } from 'vitest'
import { cosine, linear, off, piecewise } from '../../src/schedule/anneal.js'
import { checkSource } from '../../src/experiment/controls/resolve-controls.js'
import { column, compile } from '../../src/schedule/compile-schedule.js'
import { bound, join, scale } from '../../src/schedule/combine-schedules.js'
import { epochs } from '../../src/schedule/duration.js'
import { endOf, segmentsOf } from '../../src/schedule/segment.js'
import { fc, schedules, sources, test as property } from './property.js'
import { warmup } from '../../src/schedule/warmup.js'

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
  'in log and 1/value a ramp goes one way, from end to end, and never comes to 0 or changes sign',
  (a, b, s, steps) => {
    for (const space of ['log', 'inverse'] as const) {
      for (const ramp of [linear, cosine]) {
        const value = compile(ramp({ init: s * a, end: s * b, over: steps, space }), length)
        expect([value(0), value(steps), value(10 * steps)]).toEqual([s * a, s * b, s * b])
        const rises = Math.sign(b - a)
        for (let step = 0; step < steps; step++) {
          const change = rises * (Math.abs(value(step + 1)) - Math.abs(value(step)))
          expect(change).toBeGreaterThanOrEqual(-1e-12 * Math.max(a, b))
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
    ['over less than nothing', () => cosine({ init: 1, over: -3 }), /over of cosine is -3/],
    [
      'to the 0 of a cosine in log',
      () => cosine({ init: 1, over: 3, space: 'log' }),
      /cannot run from 1 to 0/,
    ],
    ['with two', () => linear({ init: 1, end: 2, over: 3, transitionSteps: 3 }), /given two durations/],
    [
      'with a negative begin',
      () => linear({ init: 1, end: 2, over: 3, begin: -1 }),
      /begin of linear is -1;.*whole number from 0/,
    ],
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

  test('refuses a curve that it does not know', () => {
    const interpolate = 'cubic' as never
    expect(() => piecewise({ init: 1, boundaries, interpolate })).toThrow(/interpolate of piecewise is cubic/)
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

property(
  [
    sign.chain((s) => sources(size.map((value) => s * value))),
    fc.integer({ min: 1, max: 40 }),
    fc.nat(300),
    fc.integer({ min: 1, max: 200 }),
  ],
  'the rows of any window are the values of its steps, off or not',
  (source, stepsPerEpoch, first, count) => {
    const segments = segmentsOf(source, stepsPerEpoch)
    fc.pre(first + count <= endOf(segments))
    const values = column(segments, first, count)
    expect([1, count]).toContain(values.length)
    const value = compile(source, { stepsPerEpoch, runSteps: first + count })
    for (let i = 0; i < count; i++) expect(values[i] ?? values[0]).toBe(value(first + i))
  },
)

property(
  [size, sign, over],
  'a ramp from off begins there and ends exactly, with the sign of its end',
  (a, s, steps) => {
    for (const init of [Infinity, -Infinity]) {
      const value = compile(linear({ init, end: s * a, over: steps, space: 'inverse' }), length)
      expect([value(0), value(steps), value(steps + 7)]).toEqual([s * Infinity, s * a, s * a])
      for (let step = 1; step <= steps; step++) {
        expect(1 / value(step)).toBeCloseTo((s / a) * (step / steps), 9)
      }
    }
  },
)

describe('over nothing', () => {
  test.each(['value', 'log', 'inverse'] as const)(
    'a ramp in %s is at its end from its first step on',
    (space) => {
      for (const ramp of [linear, cosine])
        for (const begin of [0, 3]) {
          const value = compile(ramp({ init: 5, end: 2, over: 0, space, begin }), length)
          expect([0, 2, 3, 9].map(value)).toEqual(begin === 0 ? [2, 2, 2, 2] : [5, 5, 2, 2])
        }
    },
  )

  test('from off it is at its end, too', () => {
    expect(compile(linear({ init: Infinity, end: -2, over: 0, space: 'inverse' }), length)(0)).toBe(-2)
  })
})

describe('bounds', () => {
  test('leave what is off alone, so that no sign is made of it', () => {
    const lambda = join(off().for(2), linear({ init: -8, end: -2, over: 2 }))
    const value = compile(bound(lambda, { max: 4 }), length)
    expect([0, 1, 2, 3, 4].map(value)).toEqual([Infinity, Infinity, -4, -4, -2])
    const ramp = linear({ init: Infinity, end: -2, over: 4, space: 'inverse' })
    expect([0, 1, 2, 4].map(compile(bound(ramp, { max: 3 }), length))).toEqual([-Infinity, -3, -3, -2])
  })

  test.each([1, -1])('take the 0 that a ramp comes to as of the side that it came from: %d', (s) => {
    const lambda = bound(cosine({ init: 5 * s, over: 10 }), { min: 0.5 })
    expect([0, 9, 10, 99].map(compile(lambda, length))).toEqual([5 * s, 0.5 * s, 0.5 * s, 0.5 * s])
    expect(() => checkSource('lambda', lambda)).not.toThrow()
    const back = bound(linear({ init: 0, end: s, over: 4 }), { min: 0.5 })
    expect([0, 1, 2, 4].map(compile(back, length))).toEqual([0.5 * s, 0.5 * s, 0.5 * s, s])
  })

  test('make one value of the rows that they hold', () => {
    const segments = segmentsOf(bound(linear({ init: 10, end: 0, over: 100 }), { min: 1, max: 5 }), 1)
    expect(column(segments, 0, 40)).toEqual(Float64Array.of(5))
    expect(column(segments, 95, 4096)).toEqual(Float64Array.of(1))
    expect(column(segments, 40, 20)).toHaveLength(20)
  })

  test('that are none are refused', () => {
    expect(() => bound(2, { min: 3, max: 1 })).toThrow(/bound within 3 to 1/)
    expect(() => bound(2, { min: -1 })).toThrow(/bound within -1 to/)
  })
})

describe('a factor is refused', () => {
  test.each([0, NaN, Infinity])('%d', (factor) => {
    expect(() => scale(2, factor)).toThrow(/scale by/)
  })

  test('that makes of a number what it is not: off, or 0', () => {
    expect(() => scale(linear({ init: 1, end: 1e300, over: 5 }), 1e300)).toThrow(/1e\+300 scaled by/)
    expect(() => scale(1e-300, 1e-300)).toThrow(/cannot be represented as a number/)
  })
})

test('warm-up in 1/value comes from off', () => {
  const value = compile(warmup({ over: 4, then: -0.5, space: 'inverse' }), length)
  expect([0, 1, 2, 4, 9].map(value)).toEqual([-Infinity, -2, -1, -0.5, -0.5])
})

test('warm-up, then cosine is optax’s warmup_cosine_decay_schedule', () => {
  const [peak, end, warm, decay] = [0.8, 0.1, 10, 50]
  const optax = (step: number) =>
    step < warm
      ? (peak * step) / warm
      : end +
        ((peak - end) * (1 + Math.cos((Math.PI * Math.min(step - warm, decay - warm)) / (decay - warm)))) / 2
  const then = cosine({ init: peak, end, over: decay - warm })
  const value = compile(warmup({ warmupSteps: warm, then }), length)
  for (let step = 0; step < 70; step++) expect(value(step)).toBeCloseTo(optax(step), 12)
})
