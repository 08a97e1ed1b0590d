import { describe, expect, test } from 'vitest'
import { compile } from '../../src/schedule/compile.js'
import { scale } from '../../src/schedule/compose.js'
import { parseSchedule, writeSchedule } from '../../src/schedule/expression.js'
import { fc, schedules, test as property } from './property.js'

const length = { stepsPerEpoch: 10, runSteps: 0 }
const values = (text: string, steps: readonly number[]) => steps.map(compile(parseSchedule(text), length))

describe('a schedule as text', () => {
  test.each([
    ['2', [0, 9], [2, 2]],
    [' -1e-3 ', [5], [-0.001]],
    ['off', [5], [Infinity]],
    ['-inf', [5], [-Infinity]],
    ['linear(4, 0, 4)', [0, 1, 4, 9], [4, 3, 0, 0]],
    ['linear(init=4, end=0, over=epochs(0.4))', [0, 1, 4], [4, 3, 0]],
    ['linear(inf, -0.5, over=4, space=inverse)', [0, 2, 4], [-Infinity, -1, -0.5]],
    ['join(off.for(2), exponential(-8, -0.5, 4))', [1, 2, 6], [Infinity, -8, -0.5]],
    ['join(off().for(epochs(0.2)), -1)', [1, 2], [Infinity, -1]],
    ['steps(1, [[2, 0.1], [epochs(1), 0.01]])', [1, 2, 10], [1, 0.1, 0.01]],
    ['steps(1, at=[[steps(2), 0.1]])', [1, 2], [1, 0.1]],
    ['piecewise(1, [[2, 3]], interpolate=linear)', [0, 1, 2], [1, 2, 3]],
    ['warmup(0, 4, cosine(1, 0, 10))', [0, 2, 4], [0, 0.5, 1]],
    ['twoStage(off=3, lambda=-0.5)', [2, 3], [Infinity, -0.5]],
    ['scale(linear(4, 0, 4), 2)', [0, 1], [8, 6]],
    ['bound(linear(4, 0, 4), min=1, max=3)', [0, 1, 4], [3, 3, 1]],
  ])('%s', (text, steps, expected) => {
    expect(values(text, steps)).toEqual(expected)
  })

  test.each([
    ['', /it ends at character 1/],
    ['cosine(2, 0.5', /it ends at character 14.*","/s],
    ['cosin(2, 1, 5)', /"cosin\(2, 1, 5\)" is no schedule.*"cosine"\? one of/s],
    ['cosine(2; 1)', /"; 1\)" at character 9/],
    ['cosine(2, 1, over=5, ovr=3)', /cosine has no argument "ovr".*init, end, over/s],
    ['cosine(2, 1, 5, 7)', /cosine takes init, end, over, not 4/],
    ['2 3', /"3" at character 3.*nothing more/s],
    ['epochs(2)', /not a duration/],
    ['linear(1, 2)', /linear is given no durations/],
    ['exponential(-1, 1, 5)', /both ends must be of one sign/],
  ])('that is wrong is refused with the place: %s', (text, words) => {
    let said = ''
    try {
      parseSchedule(text)
    } catch (error) {
      const { message, hint = '' } = error as { message: string; hint?: string }
      said = `${message}; ${hint}`
    }
    expect(said).toMatch(words)
  })
})

const anySign = fc.boolean().chain((negative) => {
  const size = fc.double({ min: 1e-6, max: 1e6, noNaN: true })
  return schedules(negative ? size.map((value) => -value) : size)
})

property(
  [anySign, fc.constantFrom(2, -0.25)],
  'every open-loop schedule is written as text that is read as the same',
  (schedule, factor) => {
    for (const source of [schedule, scale(schedule, factor)]) {
      const again = parseSchedule(writeSchedule(source))
      expect(JSON.parse(JSON.stringify(again.shape))).toEqual(JSON.parse(JSON.stringify(source.shape)))
    }
  },
)
