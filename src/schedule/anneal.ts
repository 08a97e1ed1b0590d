/** Simple schedules: constant values, jumps, and ramps from one value to another. The argument names are those of optax. */
import { AbsgdError } from '../errors.js'
import {
  durationOf,
  isNothing,
  isSurelyShorter,
  stepCount,
  type Duration,
  type DurationLike,
} from './duration.js'
import { requireFinite, scheduleOf, type Curve, type Piece, type Schedule, type Space } from './schedule.js'

export interface RampArguments extends Stretch {
  /** Value at step 0. */
  readonly init: number
  /** Value from `over` on. */
  readonly end: number
  /** The quantity that the curve is applied to: the value, log |value| or 1/value. In `inverse` an end may be ±Infinity (off). @default 'value' */
  readonly space?: Space
}

/** The duration of a ramp, and the delay before it. */
export interface Stretch {
  /** Duration of the ramp. Give either `over` or `transitionSteps`. */
  readonly over?: DurationLike
  /** Another name of `over`. */
  readonly transitionSteps?: DurationLike
  /** Duration for which the value stays at `init` before the ramp begins; from 0. @default 0 */
  readonly begin?: DurationLike
}

export interface CosineArguments extends Omit<RampArguments, 'end'> {
  /** @default 0 */
  readonly end?: number
}

export type ExponentialArguments = Omit<RampArguments, 'space'>

export interface StepsArguments {
  readonly init: number
  /** Ascending boundaries, counted from the start of the schedule, each with the value from there on. */
  readonly at: readonly (readonly [DurationLike, number])[]
}

export interface PiecewiseArguments {
  readonly init: number
  /** Ascending boundaries, counted from the start of the schedule, each with the value at that boundary. */
  readonly boundaries: readonly (readonly [DurationLike, number])[]
  /** The curve between two boundaries; `none` jumps. @default 'none' */
  readonly interpolate?: 'none' | Curve
}

/** `value` at every step. @param value any number except NaN; ±Infinity means off if the control permits it */
export function constant(value: number): Schedule {
  if (typeof value === 'number' && !Number.isNaN(value)) return scheduleOf({ kind: 'constant', value })
  throw new AbsgdError('experiment', `constant(${String(value)}) is no schedule`, {
    hint: 'constant takes any number but NaN',
  })
}

/** λ = ∞: all samples have the same weight, as in plain SGD. */
export function off(): Schedule {
  return constant(Infinity)
}

/** init + (end − init)·x with x = step / over, then `end`; with `space`, log |value| or 1/value follows this formula. */
export function linear(ramp: RampArguments): Schedule {
  return rampOf('linear', ramp)
}

/** end + (init − end)·(1 + cos πx)/2 with x = step / over, then `end`; `space` as in {@link linear}. */
export function cosine({ end = 0, ...ramp }: CosineArguments): Schedule {
  return rampOf('cosine', { ...ramp, end })
}

/**
 * init·(end/init)^x with x = step / over, then `end`: linear in log |value|, so that it never reaches 0.
 *
 * @throws AbsgdError 'experiment' unless `init` and `end` are of one sign and not 0
 */
export function exponential(ramp: ExponentialArguments): Schedule {
  const { init, end } = ramp
  if (Math.sign(init) * Math.sign(end) <= 0) {
    throw new AbsgdError('experiment', `exponential cannot run from ${init} to ${end}`, {
      hint: 'both ends must be of one sign and not 0; from or to "off", join it to off()',
    })
  }
  return rampOf('exponential', ramp)
}

/**
 * A value at each boundary, with jumps like {@link steps} or curves between them. After the last boundary the value is constant.
 *
 * Each boundary has a value; in optax's `boundaries_and_scales` it has a factor instead.
 */
export function piecewise({ init, boundaries, interpolate = 'none' }: PiecewiseArguments): Schedule {
  if (interpolate === 'none') return jumps({ init, at: boundaries })
  if (!Object.hasOwn(RAMPS, interpolate)) {
    throw new AbsgdError('experiment', `interpolate of piecewise is ${interpolate}`, {
      hint: "it takes 'none', 'linear', 'cosine' or 'exponential'",
    })
  }
  let [from, begun]: readonly [number, Duration] = [init, { epochs: 0, steps: 0 }]
  const parts: (Schedule | Piece)[] = []
  for (const [boundary, value] of boundaries) {
    const end = durationOf(boundary, 'a boundary of piecewise')
    const over = subtract(end, begun)
    parts.push(RAMPS[interpolate]({ init: from, end: value, over }).for(over))
    ;[from, begun] = [value, end]
  }
  return scheduleOf({ kind: 'join', parts: [...parts, constant(from)] })
}

/** `count` optimizer steps. @param count a whole number, at least 0 */
export function steps(count: number): Duration
/** `init`, then each value of `at` from its boundary on. */
export function steps(values: StepsArguments): Schedule
export function steps(argument: number | StepsArguments): Duration | Schedule {
  return typeof argument === 'object' ? jumps(argument) : stepCount(argument)
}

function jumps({ init, at }: StepsArguments): Schedule {
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

function rampOf(curve: Curve, given: RampArguments): Schedule {
  const { init, end, space = 'value', begin = 0 } = given
  if (space !== 'value' && space !== 'log' && space !== 'inverse') {
    throw new AbsgdError('experiment', `space of ${curve} is ${String(space)}`, {
      hint: "it takes 'value', 'log' or 'inverse'",
    })
  }
  if (space === 'inverse') requireInverse(curve, init, end)
  else {
    requireFinite(init, `init of ${curve}`)
    requireFinite(end, `end of ${curve}`)
  }
  if (space === 'log' && Math.sign(init) * Math.sign(end) <= 0) throw acrossZero(curve, init, end)
  const over = stretchOf(curve, given)
  // An end that is off gets the sign of the other end: its 1/value is a 0 with that sign.
  const [first, last] = [signed(init, end), signed(end, init)]
  const ramp = scheduleOf({
    kind: 'ramp',
    curve,
    init: first,
    end: last,
    over,
    ...(space === 'value' ? {} : { space }),
  })
  const before = durationOf(begin, `begin of ${curve}`)
  return isNothing(before) ? ramp : scheduleOf({ kind: 'join', parts: [constant(first).for(before), ramp] })
}

function stretchOf(curve: Curve, { over, transitionSteps }: Stretch): Duration {
  if (over !== undefined && transitionSteps === undefined) return durationOf(over, `over of ${curve}`)
  if (over === undefined && transitionSteps !== undefined)
    return durationOf(transitionSteps, `transitionSteps of ${curve}`)
  throw new AbsgdError('experiment', `${curve} is given ${over === undefined ? 'no' : 'two'} durations`, {
    hint: 'give its duration once: over: epochs(n), or transitionSteps: n',
  })
}

function requireInverse(curve: Curve, init: number, end: number): void {
  for (const [name, value] of Object.entries({ init, end })) {
    if (typeof value === 'number' && value !== 0 && !Number.isNaN(value)) continue
    throw new AbsgdError('experiment', `${name} of ${curve} in 1/value is ${String(value)}`, {
      hint: 'it takes a number other than 0; ±Infinity is off',
    })
  }
  if (!Number.isFinite(init) && !Number.isFinite(end)) {
    throw new AbsgdError('experiment', `${curve} runs from off to off`, { hint: 'use off()' })
  }
  if (Number.isFinite(init) && Number.isFinite(end) && Math.sign(init) !== Math.sign(end))
    throw acrossZero(curve, init, end)
}

function acrossZero(curve: Curve, init: number, end: number): AbsgdError {
  return new AbsgdError('experiment', `${curve} cannot run from ${init} to ${end} in log or 1/value`, {
    hint: 'both ends must be of one sign and not 0; to change sign go by way of off',
  })
}

function signed(value: number, other: number): number {
  return Number.isFinite(value) ? value : Math.sign(other) * Infinity
}

function subtract(a: Duration, b: Duration): Duration {
  const rest = { epochs: a.epochs - b.epochs, steps: a.steps - b.steps }
  if (rest.epochs >= 0 && rest.steps >= 0) return rest
  throw new AbsgdError('experiment', 'the boundaries of piecewise do not ascend', {
    hint: 'order them by time; where curves run between them, all are in epochs or all are in steps',
  })
}

const RAMPS: Readonly<Record<Curve, (ramp: ExponentialArguments) => Schedule>> = {
  linear,
  cosine,
  exponential,
}
