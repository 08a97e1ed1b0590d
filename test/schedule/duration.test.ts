import { fc, test as property } from './property.js'
import { describe, expect, test } from 'vitest'
import { AbsgdError } from '../../src/errors.js'
import {
  describeDuration,
  durationOf,
  epochs,
  every,
  isSurelyShorter,
  toSteps,
} from '../../src/schedule/duration.js'
import { steps } from '../../src/schedule/anneal.js'

describe('a duration in steps', () => {
  test('is the steps of its epochs and its steps together', () => {
    expect(toSteps({ epochs: 2, steps: 5 }, 42)).toBe(89)
  })

  test('rounds a fraction of an epoch, and is a step at least', () => {
    expect(toSteps(epochs(0.5), 7)).toBe(4)
    expect(toSteps(epochs(0.001), 7)).toBe(1)
    expect(toSteps(epochs(0), 7)).toBe(0)
    expect(toSteps(steps(0), 7)).toBe(0)
  })

  test('does not exist for epochs of a stream, and says what to do', () => {
    expect(() => toSteps(epochs(5), 0)).toThrow(/5 epochs cannot be converted to steps/)
    expect(toSteps(steps(5), 0)).toBe(5)
  })

  test('beyond what a number can count is refused', () => {
    expect(() => toSteps(epochs(1e300), 100)).toThrow(/2\^53/)
  })

  property(
    [fc.nat(10_000), fc.nat(10_000), fc.integer({ min: 1, max: 10_000 })],
    'never shrinks when it gets longer',
    (a, b, stepsPerEpoch) => {
      const [short, long] = [Math.min(a, b) / 100, Math.max(a, b) / 100]
      expect(toSteps(epochs(short), stepsPerEpoch)).toBeLessThanOrEqual(toSteps(epochs(long), stepsPerEpoch))
    },
  )
})

describe('what is no duration is refused', () => {
  test.each([-1, NaN, Infinity])('epochs(%s)', (count) => {
    expect(() => epochs(count)).toThrow(AbsgdError)
  })

  test.each([-1, NaN, Infinity, 1.5])('steps(%s)', (count) => {
    expect(() => steps(count)).toThrow(/is no duration/)
  })

  test.each([0, epochs(0)])('every(%s)', (period) => {
    expect(() => every(period)).toThrow(/every\(0\)/)
  })

  test('a value of another kind, by the name of its place', () => {
    expect(() => durationOf('5' as never, 'over of linear')).toThrow(/over of linear is no duration/)
  })
})

test('a plain number counts steps', () => {
  expect(durationOf(200, 'length')).toEqual(steps(200))
})

test('a duration is told in words', () => {
  expect(describeDuration(epochs(1))).toBe('1 epoch')
  expect(describeDuration(steps(200))).toBe('200 steps')
  expect(describeDuration({ epochs: 0.5, steps: 1 })).toBe('0.5 epochs and 1 step')
  expect(describeDuration(epochs(0))).toBe('0 steps')
})

test('durations are compared only where the answer does not hang on the steps of an epoch', () => {
  expect(isSurelyShorter(epochs(1), epochs(2))).toBe(true)
  expect(isSurelyShorter(epochs(2), epochs(2))).toBe(false)
  expect(isSurelyShorter(steps(1000), epochs(1))).toBe(false)
  expect(isSurelyShorter(epochs(1), { epochs: 1, steps: 1 })).toBe(true)
})
