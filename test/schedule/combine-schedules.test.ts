import { describe, expect, test } from 'vitest'
import { constant, cosine, exponential, linear, off } from '../../src/schedule/anneal.js'
import { compile } from '../../src/schedule/compile-schedule.js'
import { join, twoStage } from '../../src/schedule/combine-schedules.js'
import { epochs } from '../../src/schedule/duration.js'
import { durations, fc, schedules, test as property } from './property.js'
import { warmup } from '../../src/schedule/warmup.js'

const length = { stepsPerEpoch: 10, runSteps: 0 }
const range = (count: number) => Array.from({ length: count }, (_, i) => i)

describe('join', () => {
  test('runs each piece from its own start', () => {
    const value = compile(join(off().for(2), linear({ init: 4, end: 0, over: 4 }).for(3), 7), length)
    expect(range(7).map(value)).toEqual([Infinity, Infinity, 4, 3, 2, 7, 7])
  })

  test('skips a piece that lasts for nothing', () => {
    const value = compile(join(constant(1).for(0), constant(2).for(epochs(0)), 3), length)
    expect(value(0)).toBe(3)
  })

  test('gives every piece that is not nothing a step', () => {
    const value = compile(join(constant(1).for(epochs(0.01)), constant(2).for(epochs(0.01)), 3), length)
    expect(range(4).map(value)).toEqual([1, 2, 3, 3])
  })

  test('rounds the boundary, not each piece before it', () => {
    const third = epochs(1 / 3)
    const pieces = join(constant(1).for(third), constant(2).for(third), constant(3).for(third), 4)
    const value = compile(pieces, { stepsPerEpoch: 100, runSteps: 0 })
    expect([32, 33, 66, 67, 99, 100].map(value)).toEqual([1, 2, 2, 3, 3, 4])
  })

  test('inside a join keeps to the boundaries of epochs', () => {
    const inner = join(constant(1).for(epochs(0.5)), 2).for(epochs(1))
    expect(range(4).map(compile(join(inner, 3), { stepsPerEpoch: 3, runSteps: 0 }))).toEqual([1, 1, 2, 3])
  })

  test('refuses a piece without end before the last, and nothing at all', () => {
    expect(() => join(off() as never, constant(1))).toThrow(/part 1 of join has no end/)
    expect(() => join(...([] as unknown as [number]))).toThrow(/join of nothing/)
    expect(() => join('off' as never)).toThrow(/part 1 is no schedule/)
  })

  test('refuses a join that ends inside a longer piece', () => {
    const short = join(off().for(3)).for(5)
    expect(() => compile(join(short, 1), length)).toThrow(/ends at step 3, before step 5/)
  })
})

describe('a schedule that ends before the run', () => {
  const bounded = join(
    off().for(epochs(5)),
    exponential({ init: -5, end: -0.5, over: epochs(10) }).for(epochs(10)),
  )

  test('is refused, naming its end and the run’s length', () => {
    expect(() => compile(bounded, { stepsPerEpoch: 10, runSteps: 151 })).toThrow(
      'the schedule ends at step 150, but the run is 151 steps long',
    )
    expect(() => compile(bounded, length)).toThrow(/ends at step 150, but the run trains until it is stopped/)
  })

  test('is welcome when it ends with the run or later', () => {
    expect(compile(bounded, { stepsPerEpoch: 10, runSteps: 150 })(149)).toBeCloseTo(-0.5, 1)
    expect(compile(bounded, { stepsPerEpoch: 10, runSteps: 20 })(0)).toBe(Infinity)
  })

  test('has its last value after its end', () => {
    const value = compile(linear({ init: 4, end: 0, over: 4 }).for(2), { stepsPerEpoch: 1, runSteps: 2 })
    expect([1, 2, 100].map(value)).toEqual([3, 3, 3])
  })
})

describe('warmup', () => {
  test('runs from 0 to the first value of what follows', () => {
    const value = compile(warmup({ over: 4, then: cosine({ init: 0.8, over: 10 }) }), length)
    expect([0, 1, 2, 3, 4, 14].map(value)).toEqual([0, 0.2, 0.4, expect.closeTo(0.6, 12), 0.8, 0])
  })

  test('over nothing is what follows', () => {
    expect(compile(warmup({ over: 0, then: 5 }), length)(0)).toBe(5)
  })

  test('does not run to off', () => {
    expect(() => warmup({ over: 4, then: off() })).toThrow(/Infinity/)
  })
})

test('twoStage is off, then its lambda', () => {
  const value = compile(twoStage({ off: epochs(2), lambda: -0.5 }), length)
  expect([0, 19, 20, 1000].map(value)).toEqual([Infinity, Infinity, -0.5, -0.5])
})

const sources = schedules(fc.double({ min: 0.01, max: 100, noNaN: true }))

property(
  [sources, durations, fc.nat(200)],
  'a join is its first piece as long as that lasts, then the second from its start',
  (then, wait, step) => {
    const stepsPerEpoch = 1000
    const first = wait.epochs * stepsPerEpoch + wait.steps
    const joined = compile(join(constant(1000).for(wait), then), { stepsPerEpoch, runSteps: 0 })
    const boundary = Math.round(first)
    if (boundary > 0) expect(joined(boundary - 1)).toBe(1000)
    // With whole epochs of 1000 steps and hundredths of them nothing is rounded.
    expect(joined(boundary + step)).toBe(compile(then, { stepsPerEpoch, runSteps: 0 })(step))
  },
)
