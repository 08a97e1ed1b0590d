import { describe, expect, test } from 'vitest'
import { constant, linear, off } from '../../src/schedule/anneal.js'
import { column, compile, compileSegments } from '../../src/schedule/compile-schedule.js'
import { join } from '../../src/schedule/combine-schedules.js'
import { epochs } from '../../src/schedule/duration.js'
import { segmentsOf } from '../../src/schedule/segment.js'
import { fc, schedules, test as property } from './property.js'

const length = { stepsPerEpoch: 10, runSteps: 0 }

describe('a column', () => {
  test('is one value where nothing changes', () => {
    const segments = compileSegments(join(off().for(8), linear({ init: 4, end: 1, over: 4 })), length)
    expect(column(segments, 0, 8)).toEqual(Float64Array.of(Infinity))
    expect(column(segments, 12, 4096)).toEqual(Float64Array.of(1))
  })

  test('is one value across a boundary that changes nothing', () => {
    const segments = compileSegments(join(constant(2).for(8), 2), length)
    expect(column(segments, 0, 100)).toEqual(Float64Array.of(2))
  })

  test('has every value where one changes', () => {
    const segments = compileSegments(join(off().for(2), linear({ init: 4, end: 2, over: 2 })), length)
    expect(column(segments, 1, 5)).toEqual(Float64Array.of(Infinity, 4, 3, 2, 2))
  })
})

const anySign = fc.boolean().chain((negative) => {
  const size = fc.double({ min: 1e-6, max: 1e6, noNaN: true })
  return schedules(negative ? size.map((value) => -value) : size)
})

property(
  [anySign, fc.integer({ min: 1, max: 40 }), fc.nat(300), fc.integer({ min: 1, max: 300 })],
  'a column holds what the function gives, step by step',
  (schedule, stepsPerEpoch, first, count) => {
    const at = compile(schedule, { stepsPerEpoch, runSteps: 0 })
    const values = column(compileSegments(schedule, { stepsPerEpoch, runSteps: 0 }), first, count)
    expect([1, count]).toContain(values.length)
    const expected = Array.from({ length: count }, (_, i) => at(first + i))
    expect(expected.map((_, i) => values[i] ?? values[0])).toEqual(expected)
  },
)

property(
  [anySign, fc.integer({ min: 1, max: 40 })],
  'segments leave no hole and no step twice',
  (schedule, stepsPerEpoch) => {
    const segments = segmentsOf(schedule, stepsPerEpoch)
    expect(segments[0]?.from).toBe(0)
    expect(segments.at(-1)?.to).toBe(Infinity)
    for (const [i, { from, to }] of segments.entries()) {
      expect(to).toBeGreaterThan(from)
      expect(segments[i + 1]?.from ?? to).toBe(to)
    }
  },
)

property(
  [schedules(fc.double({ min: 0.25, max: 1, noNaN: true })), fc.integer({ min: 1, max: 40 }), fc.nat(500)],
  'no value lies outside the values that a schedule is made of',
  (schedule, stepsPerEpoch, step) => {
    const value = compile(schedule, { stepsPerEpoch, runSteps: 0 })(step)
    expect(value).toBeGreaterThanOrEqual(0.25)
    expect(value).toBeLessThanOrEqual(1)
  },
)

test.each([-1, 0.5, NaN])('step %s does not exist', (step) => {
  expect(() => compile(1, length)(step)).toThrow(/does not exist/)
})

test('epochs of a stream are refused', () => {
  expect(() => compile(off().for(epochs(3)), { stepsPerEpoch: 0, runSteps: 10 })).toThrow(
    /the data has no epochs/,
  )
})
