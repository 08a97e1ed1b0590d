import { describe, expect, test } from 'vitest'
import { compile } from '../../src/schedule/compile-schedule.js'
import { parseSchedule, writeSchedule } from '../../src/schedule/expression.js'
import type { Shape, Source } from '../../src/schedule/schedule.js'
import { fc, sources, test as property } from './property.js'

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
    ['linear(off, -0.5, over=4, space=inverse)', [0, 2, 4], [-Infinity, -1, -0.5]],
    ['warmup(over=4, then=-0.5, space=inverse)', [0, 2, 4, 9], [-Infinity, -1, -0.5, -0.5]],
    ['linear(4, 0, 4, begin=steps(2))', [0, 2, 4], [4, 4, 2]],
    ['linear(4, 0, transitionSteps=epochs(0.1, steps=3))', [0, 1, 4], [4, 3, 0]],
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
    ['cosine(2, 0.5, over=1000', /it ends at character 25.*expected is ","/s],
    ['join(off.for(5), cosin(2, 1, 5))', /"cosin\(2, 1, " at character 18.*"cosine"\?/s],
    ['cosin(2, 1, 5)', /"cosin\(2, 1, 5\)" is no schedule.*"cosine"\? one of/s],
    ['cosine(2; 1)', /"; 1\)" at character 9/],
    ['cosine(2, 1, over=5, ovr=3)', /cosine has no argument "ovr".*init, end, over/s],
    ['cosine(2, 1, 5, 7)', /cosine takes init, end, over, not 4/],
    ['cosine(2, 1, 5, init=3)', /cosine is given init twice, at character 1/],
    ['cosine(2, 1, over=5, over=3)', /"over=3\)" at character 22.*over once/s],
    ['join(off.for(3), cosine(fast, 1, 5))', /"fast, 1, 5\)\)" at character 25.*one of off, constant/s],
    ['join(off.for(3), cosine(log, 1, 5))', /init of cosine is log, at character 18/],
    ['join(off.for(3), cosine(2, 1, -5))', /over of cosine is -5, at character 18.*epochs\(n\)/s],
    ['offf', /"offf" at character 1.*"off"\? one of/s],
    ['linear', /"linear" at character 1.*not a word/s],
    ['constructor(2)', /"constructor\(" at character 1.*one of/s],
    ['off(3)', /off takes nothing/],
    ['join(a=1, 2)', /join takes schedules, and none by name/],
    ['1e400', /"1e400" at character 1.*or inf/s],
    ['join(2.for(5), 3)', /"for\(5\), 3\)" at character 8/],
    ['off.for(fast)', /"fast\)" at character 9/],
    ['off.for(log)', /"log\)" at character 9.*a duration/s],
    ['piecewise(1, [[2, 3]], interpolate=value)', /interpolate of piecewise is value/],
    ['steps(1, [2, 0.1])', /"2, 0.1\]\)" at character 11.*"\["/s],
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
  return sources(negative ? size.map((value) => -value) : size)
})

property([anySign], 'every open-loop schedule is written as text that is read as the same', (source) => {
  expect(dataOf(parseSchedule(writeSchedule(source)))).toEqual(dataOf(source))
})

/** Without methods. */
function dataOf(source: Source): unknown {
  return { shape: shapeOf(source.shape), ...('duration' in source ? { duration: source.duration } : {}) }
}

function shapeOf(shape: Shape): unknown {
  if (shape.kind === 'join') return { ...shape, parts: shape.parts.map(dataOf) }
  return 'source' in shape ? { ...shape, source: dataOf(shape.source) } : shape
}
