import { describe, expect, test } from 'vitest'
import { feedback } from '../../../src/schedule/feedback/custom-feedback.js'
import { drive, report, ruleOf } from './reports.js'

const at = { init: -5, lag: 4, window: 3, every: 2 }

test('a rule of the user sees the newest reports up to the lag, its state and the step', () => {
  const seen: unknown[] = []
  const schedule = feedback<number>(
    (window, state, step) => {
      seen.push([window.map((one) => one.step), state, step])
      return { value: -1 - state, state: state + 1 }
    },
    { ...at, start: 7 },
  )
  const decided = drive(ruleOf(schedule), 9, (step) => report(step))
  expect(seen).toEqual([
    [[], 7, 0],
    [[], 8, 2],
    [[0], 9, 4],
    [[0, 1, 2], 10, 6],
    [[2, 3, 4], 11, 8],
  ])
  expect(decided.map(({ value }) => value)).toEqual([-8, -9, -10, -11, -12])
})

test('a number alone leaves the state as it is; off is a number', () => {
  const rule = ruleOf(feedback(() => -Infinity, { ...at, start: { n: 1 } }))
  expect(rule.decide([], rule.start, 0)).toEqual({ value: -Infinity, state: { n: 1 } })
})

test('what is said for the ledger is kept', () => {
  const rule = ruleOf(feedback(() => ({ value: 2, mark: 'enough' }), at))
  expect(rule.decide([], rule.start, 0)).toEqual({ value: 2, state: null, mark: 'enough' })
})

test('losses of samples are asked for by name', () => {
  expect(ruleOf(feedback(() => 1, at)).needsLosses).toBe(false)
  expect(ruleOf(feedback(() => 1, { ...at, losses: true })).needsLosses).toBe(true)
})

test('a rule that changes what it is given changes nothing for the next decision', () => {
  const schedule = feedback<{ n: number }>(
    (window, state) => {
      for (const { losses } of window) losses?.sort()
      state.n += 1
      return { value: state.n, state }
    },
    { ...at, start: { n: 0 }, losses: true },
  )
  const rule = ruleOf(schedule)
  const window = [report(0, { losses: Float32Array.of(3, 1, 2) })]
  expect(rule.decide(window, rule.start, 4)).toEqual(rule.decide(window, rule.start, 4))
  expect(window[0]!.losses).toEqual(Float32Array.of(3, 1, 2))
  expect(rule.start).toEqual({ n: 0 })
})

describe('what is wrong is told with the step:', () => {
  const wrong = (decide: () => unknown) => {
    const rule = ruleOf(feedback(decide as () => number, { ...at, name: 'mine' }))
    return () => rule.decide([], rule.start, 12)
  }
  test('what a rule throws', () => {
    const thrown = new TypeError('x is not defined')
    const decide = () => {
      throw thrown
    }
    expect(wrong(decide)).toThrow(
      expect.objectContaining({
        code: 'experiment',
        message: 'mine failed for step 12: x is not defined',
        cause: thrown,
      }),
    )
  })

  test.each([
    ['nothing', undefined],
    ['null', null],
    ['NaN', NaN],
    ['text', '3'],
    ['an object without a value', { state: 1 }],
    ['a promise', Promise.resolve(3)],
  ])('%s in place of a number', (_title, said) => {
    expect(wrong(() => said)).toThrow(
      expect.objectContaining({ code: 'experiment', message: 'mine gives no number for step 12' }),
    )
  })

  test('a first value that is none, and steps that are no whole number', () => {
    expect(() => feedback(() => 1, { ...at, init: NaN })).toThrow(/init of feedback is NaN/)
    expect(() => feedback(() => 1, { ...at, lag: 0 })).toThrow(/lag of feedback is 0/)
  })
})
