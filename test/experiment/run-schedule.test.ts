import { describe, expect, test } from 'vitest'
import { constant, cosine, exponential, linear, off } from '../../src/schedule/anneal.js'
import { join, twoStage } from '../../src/schedule/combine-schedules.js'
import { epochs, every, untilStopped } from '../../src/schedule/duration.js'
import { compiled, complaintOf, withControls } from './helper.js'

describe('the length of a run', () => {
  test('is its epochs in steps, once these are known', () => {
    expect(compiled({ length: epochs(6) }, 42).runSteps).toBe(252)
    expect(compiled({ length: 200 }, 42).runSteps).toBe(200)
  })

  test('is 0 when it trains until it is stopped', () => {
    expect(compiled({ length: untilStopped() }).runSteps).toBe(0)
  })
})

describe('of a stream without length', () => {
  test.each([
    ['length', { length: epochs(5) }],
    ['evaluate', { evaluate: every(epochs(1)) }],
    ['checkpoint', { checkpoint: every(epochs(0.5)) }],
    ['lr', { controls: { lr: cosine({ init: 1, over: epochs(3) }) } }],
  ])('%s cannot speak in epochs', (name, spec) => {
    expect(complaintOf(() => compiled(spec, 0))).toMatch(
      new RegExp(`^${name}: .* cannot be converted to steps: the data has no epochs\\n.*use steps\\(n\\)`),
    )
  })

  test('steps and untilStopped are enough', () => {
    const run = compiled({ length: untilStopped(), controls: { lr: cosine({ init: 1, over: 10 }) } }, 0)
    expect(run.runSteps).toBe(0)
    expect(run.events(0, 1000)).toEqual([])
  })
})

describe('rows', () => {
  test('hold one value where a control does not change over them, else one a step', () => {
    const run = withControls({
      lambda: twoStage({ off: epochs(2), lambda: -3 }),
      lr: linear({ init: 4, end: 0, over: 4 }),
    })
    expect(run.rows(0, 4)).toEqual({
      lambda: Float64Array.of(Infinity),
      gamma: Float64Array.of(0.9),
      lr: Float64Array.of(4, 3, 2, 1),
    })
    expect(run.rows(18, 4)).toEqual({
      lambda: Float64Array.of(Infinity, Infinity, -3, -3),
      gamma: Float64Array.of(0.9),
      lr: Float64Array.of(0),
    })
  })

  test('are the same however they are cut', () => {
    const run = withControls({ lambda: join(off().for(13), exponential({ init: -5, end: -0.5, over: 50 })) })
    const whole = run.rows(0, 100)['lambda']!
    const cut = [0, 7, 14, 60].map((first, i, firsts) => [first, (firsts[i + 1] ?? 100) - first] as const)
    const values = cut.flatMap(([first, count]) => {
      const part = run.rows(first, count)['lambda']!
      return part.length === 1 ? Array.from({ length: count }, () => part[0]) : [...part]
    })
    expect(values).toEqual([...whole])
  })
})

test('a control that ends before the run is refused by name, step and length', () => {
  const spec = { length: 100, controls: { lambda: off().for(epochs(5)) } }
  expect(complaintOf(() => compiled(spec))).toMatch(
    /^lambda: the schedule ends at step 50, but the run is 100 steps long/,
  )
  expect(() => compiled(spec, 20)).not.toThrow()
})

describe('warned is about', () => {
  test.each([
    ['a small lambda from the first step on', { lambda: -0.5 }],
    ['one that is on its way up', { lambda: exponential({ init: 0.5, end: 5, over: 50 }) }],
    ['one in the first of two stages', { lambda: join(constant(1).for(epochs(1)), 5) }],
  ])('%s', (_, controls) => {
    const { warnings } = withControls(controls)
    expect(warnings).toHaveLength(1)
    expect(warnings[0]).toMatch(
      /^lambda is -?[\d.]+ from the first step on: .*collapse to chance\. Begin with off\(\)/,
    )
  })

  test.each([
    ['off', { lambda: off() }],
    ['two stages', { lambda: twoStage({ off: epochs(2), lambda: -0.5 }) }],
    ['a ramp down', { lambda: exponential({ init: -5, end: -0.5, over: 50 }) }],
    ['a ramp down from a small one', { lambda: exponential({ init: -1.5, end: -0.5, over: 50 }) }],
    ['a large lambda', { lambda: 2 }],
    ['a ramp that ends with the run', { lr: cosine({ init: 1, over: 100 }) }],
  ])('not: %s', (_, controls) => {
    expect(withControls(controls).warnings).toEqual([])
  })

  test('a ramp that the run cuts short, with each further thing', () => {
    const { warnings } = withControls({ lambda: 1, lr: cosine({ init: 1, over: epochs(60) }) })
    expect(warnings).toHaveLength(2)
    expect(warnings[1]).toBe(
      'lr is not through at the end of the run (100 steps): "cosine 1 → 0 over 60 epochs" would come to its last value at step 600',
    )
  })
})
