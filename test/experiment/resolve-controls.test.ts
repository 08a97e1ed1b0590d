import { describe, expect, test } from 'vitest'
import { constant, cosine, exponential, linear, off, steps } from '../../src/schedule/anneal.js'
import { join, twoStage } from '../../src/schedule/combine-schedules.js'
import { epochs } from '../../src/schedule/duration.js'
import { compiled, complaintOf, experimentOf, resolved, withControls } from './helper.js'
import { resolveExperiment } from '../../src/experiment/resolve-experiment.js'
import { fc, schedules, test as property } from '../schedule/property.js'
import type { Controls } from '../../src/experiment/define-experiment.js'
import { warmup } from '../../src/schedule/warmup.js'

const refusal = (controls: Controls) => complaintOf(() => resolved({ controls }))

describe('values out of range are refused, with the control, the place and the range', () => {
  test.each([
    [{ lambda: 0 }, 'lambda is 0 at step 0\nlambda takes numbers other than 0'],
    [{ lambda: NaN }, 'lambda is NaN at step 0\n'],
    [{ gamma: 0 }, 'gamma is 0 at step 0\ngamma takes numbers above 0, at most 1'],
    [{ gamma: 1.5 }, 'gamma is 1.5 at step 0'],
    [{ gamma: NaN }, 'gamma is NaN at step 0'],
    [{ lr: -1 }, 'lr is -1 at step 0\nlr takes finite numbers from 0'],
    [{ lr: Infinity }, 'lr is Infinity'],
    [{ momentum: 1 }, 'momentum is 1 at step 0\nmomentum takes numbers from 0, below 1'],
    [{ weight_decay: -0.1 }, 'weight_decay is -0.1'],
    [{ class_balance: 1 }, 'class_balance is 1 at step 0\nclass_balance takes numbers from 0'],
    [{ class_balance: -0.1 }, 'class_balance is -0.1'],
    [{ clip_norm: 0 }, 'clip_norm is 0 at step 0\nclip_norm takes numbers above 0'],
    [{ dropout: Infinity }, 'dropout is Infinity at step 0\ndropout takes finite numbers'],
  ])('a plain number: %#', (controls, message) => {
    expect(refusal(controls)).toContain(message)
  })

  test.each([
    [{ lr: linear({ init: 1, end: -1, over: 50 }) }, 'lr is -1 at step 50, in "linear 1 → -1 over 50 steps"'],
    [{ gamma: join(constant(0.5).for(epochs(2)), 2) }, 'gamma is 2 after 2 epochs'],
    [
      { momentum: steps({ init: 0.9, at: [[20, 1]] }) },
      'momentum is 1 at step 20, in "steps 0.9, 1 from 20 steps"',
    ],
    [
      { gamma: warmup({ over: epochs(1), then: 0.9 }) },
      'gamma is 0 at step 0, in "linear 0 → 0.9 over 1 epoch"',
    ],
    [
      { lambda: cosine({ init: 5, over: epochs(3) }) },
      'lambda is 0 after 3 epochs, in "cosine 5 → 0 over 3 epochs"',
    ],
    [{ lambda: join(off().for(5), 0) }, 'lambda is 0 at step 5'],
  ])('a schedule: %#', (controls, message) => {
    expect(refusal(controls)).toContain(message)
  })

  test('a lambda that crosses 0, on whichever curve', () => {
    expect(refusal({ lambda: linear({ init: 5, end: -5, over: 50 }) })).toMatch(
      /lambda crosses 0 in "linear 5 → -5 over 50 steps", which begins at step 0\n.*off\(\)/,
    )
    expect(refusal({ lambda: join(off().for(epochs(3)), cosine({ init: -1, end: 1, over: 50 })) })).toMatch(
      /lambda crosses 0 in "cosine.*, which begins after 3 epochs/,
    )
  })
})

describe('accepted are', () => {
  test.each<Controls>([
    { lambda: -Infinity },
    { lambda: join(exponential({ init: 5, end: 50, over: 10 }).for(10), off().for(5), -50) },
    { lambda: steps({ init: 5, at: [[50, -5]] }) },
    { gamma: 1, lr: 0, momentum: 0, weight_decay: 0, clip_norm: Infinity },
    { lr: warmup({ over: 0, then: 1 }), lambda: join(constant(0).for(0), 5) },
    { dropout: linear({ init: 0.5, end: -0.5, over: 10 }), lambda2: 0, l2: 1 },
    { lr: undefined },
  ])('%#', (controls) => {
    expect(() => withControls(controls)).not.toThrow()
  })
})

describe('names', () => {
  test.each([
    ['lamda', 'lambda'],
    ['lam', 'lambda'],
    ['learning_rate', 'lr'],
    ['weightDecay', 'weight_decay'],
    ['momentun', 'momentum'],
  ])('%s is taken for a slip of %s', (name, meant) => {
    expect(refusal({ [name]: 1 })).toContain(`unknown control "${name}": did you mean "${meant}"?`)
  })

  test.each(['Dropout', '1st', 'a-b', '', 'a'.repeat(65)])('%j is no name for a control', (name) => {
    expect(refusal({ [name]: 1 })).toMatch(/is no name for a control\nknown are lambda, gamma/)
  })

  test('class_balance follows any schedule: deferred re-weighting', () => {
    const deferred = steps({ init: 0, at: [[epochs(2), 0.9999]] })
    const { rows } = compiled({ controls: { class_balance: deferred } }, 10)
    expect([...rows(18, 4)['class_balance']!]).toEqual([0, 0, 0.9999, 0.9999])
  })

  test('that every object inherits are names like any other', () => {
    expect(resolved({ controls: { constructor: 1 } }).controls).toHaveProperty('constructor')
  })
})

describe('what gives the controls', () => {
  test('may be a function of the parameters, and an arm replaces them by name', () => {
    const experiment = experimentOf({
      controls: () => ({ lambda: 5, gamma: 0.5 }),
      arms: { other: { controls: () => ({ lambda: twoStage({ off: epochs(2), lambda: -3 }) }) } },
    })
    const { controls } = resolveExperiment(experiment, { arm: 'other' })
    expect(controls['gamma']?.shape).toEqual({ kind: 'constant', value: 0.5 })
    expect(controls['lambda']?.shape.kind).toBe('join')
    expect(resolveExperiment(experiment).controls['lambda']?.shape).toEqual({ kind: 'constant', value: 5 })
  })

  test.each([5, undefined, Promise.resolve({})])('must give an object at once: %#', (value) => {
    expect(refusal((() => value) as never)).toMatch(
      /the function of controls gives .*\nit takes an object of schedules/s,
    )
  })

  test('may throw, and its own words and place are shown', () => {
    const message = refusal((() => {
      throw new RangeError('no rate for this kind')
    }) as never)
    expect(message).toMatch(/controls cannot be computed: no rate for this kind\n.*controls\.test\.ts:\d+/)
  })

  test('a value that is neither number nor schedule is refused by name', () => {
    expect(refusal({ lr: 'fast' as never })).toContain('lr is "fast"; it takes a number or a schedule')
  })
})

const inRange = schedules(fc.double({ min: 1e-9, max: 1, noNaN: true }))

property(
  [inRange, fc.integer({ min: 1, max: 30 }), fc.nat(400)],
  'whatever is accepted gives rows within its range',
  (schedule, stepsPerEpoch, first) => {
    const run = compiled({ controls: { gamma: schedule, lambda: schedule } }, stepsPerEpoch)
    const { gamma, lambda } = run.rows(first, 100)
    expect(gamma?.filter((value) => !(value > 0 && value <= 1))).toHaveLength(0)
    expect(lambda?.filter((value) => Number.isNaN(value) || value === 0)).toHaveLength(0)
  },
)

property(
  [fc.double({ noNaN: true }), fc.double({ noNaN: true }), fc.integer({ min: 1, max: 100 })],
  'a linear gamma is accepted exactly when both its ends are in range',
  (init, end, over) => {
    const good = (value: number) => value > 0 && value <= 1
    const accept = () => withControls({ gamma: linear({ init, end, over }) })
    if (good(init) && good(end)) expect(accept).not.toThrow()
    else expect(accept).toThrow()
  },
)
