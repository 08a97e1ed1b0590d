/** The simple schedules: a value that stays, jumps, or runs from one to another. Argument names are optax's. */
import { AbsgdError } from '../errors.js'
import { durationOf, isSurelyShorter, stepCount, type Duration, type DurationLike } from './duration.js'
import { requireFinite, scheduleOf, type Curve, type Schedule } from './schedule.js'

export interface RampArguments {
  /** Value at step 0. */
  readonly init: number
  /** Value from `over` on. */
  readonly end: number
  readonly over: DurationLike
}

export interface CosineArguments extends Omit<RampArguments, 'end'> {
  /** @default 0 */
  readonly end?: number
}

export interface StepsArguments {
  readonly init: number
  /** Ascending boundaries, counted from the schedule's start, each with the value from there on. */
  readonly at: readonly (readonly [DurationLike, number])[]
}

/** `value` at every step. @param value any number but NaN; ±Infinity is off where the control allows it */
export function constant(value: number): Schedule {
  if (typeof value === 'number' && !Number.isNaN(value)) return scheduleOf({ kind: 'constant', value })
  throw new AbsgdError('experiment', `constant(${String(value)}) is no schedule`, {
    hint: 'constant takes any number but NaN',
  })
}

/** λ = ∞: every sample weighs the same, plain SGD. */
export function off(): Schedule {
  return constant(Infinity)
}

/** init + (end − init)·x with x = step / over, then `end`. */
export function linear({ init, end, over }: RampArguments): Schedule {
  return ramp('linear', init, end, over)
}

/** end + (init − end)·(1 + cos πx)/2 with x = step / over, then `end`. */
export function cosine({ init, end = 0, over }: CosineArguments): Schedule {
  return ramp('cosine', init, end, over)
}

/**
 * init·(end/init)^x with x = step / over, then `end`: even steps in log |value|, so that it never comes to 0.
 *
 * @throws AbsgdError 'experiment' unless `init` and `end` are of one sign and not 0
 */
export function exponential({ init, end, over }: RampArguments): Schedule {
  if (Math.sign(init) * Math.sign(end) <= 0) {
    throw new AbsgdError('experiment', `exponential cannot run from ${init} to ${end}`, {
      hint: 'both ends must be of one sign and not 0; from or to "off", join it to off()',
    })
  }
  return ramp('exponential', init, end, over)
}

/** `count` optimizer steps. @param count a whole number, at least 0 */
export function steps(count: number): Duration
/** `init`, then each value of `at` from its boundary on. */
export function steps(values: StepsArguments): Schedule
export function steps(argument: number | StepsArguments): Duration | Schedule {
  return typeof argument === 'object' ? piecewise(argument) : stepCount(argument)
}

function piecewise({ init, at }: StepsArguments): Schedule {
  requireFinite(init, 'init of steps')
  const boundaries = at.map(([boundary, value]) => {
    requireFinite(value, 'a value of steps')
    return [durationOf(boundary, 'a boundary of steps'), value] as const
  })
  for (const [i, [boundary]] of boundaries.entries()) {
    const next = boundaries[i + 1]
    if (next === undefined || !isSurelyShorter(next[0], boundary)) continue
    throw new AbsgdError('experiment', 'the boundaries of steps do not ascend', {
      hint: 'order them by time',
    })
  }
  return scheduleOf({ kind: 'steps', init, at: boundaries })
}

function ramp(curve: Curve, init: number, end: number, over: DurationLike): Schedule {
  requireFinite(init, `init of ${curve}`)
  requireFinite(end, `end of ${curve}`)
  return scheduleOf({ kind: 'ramp', curve, init, end, over: durationOf(over, `over of ${curve}`) })
}
