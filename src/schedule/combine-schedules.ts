/** Schedules made of schedules. */
import { AbsgdError } from '../errors.js'
import { constant, linear, off } from './anneal.js'
import { compile } from './compile-schedule.js'
import { durationOf, type DurationLike } from './duration.js'
import { isFeedback, leavesOf } from './schedule-parts.js'
import {
  isSource,
  scheduleOf,
  sourceOf,
  type Bounds,
  type ControlValue,
  type Piece,
  type Schedule,
  type Source,
  type Space,
} from './schedule.js'

export interface WarmupArguments {
  /** Value at step 0. @default 0; in 1/value ±Infinity, which is off */
  readonly init?: number
  /** One of `over` and `warmupSteps`. */
  readonly over?: DurationLike
  /** Another name of `over`. */
  readonly warmupSteps?: DurationLike
  /** In what the ramp runs evenly: as of {@link linear}. @default 'value' */
  readonly space?: Space
  /** What follows, from its own start. The ramp runs to its first value. */
  readonly then: ControlValue
}

export interface TwoStageArguments {
  /** Length of the first stage, with plain SGD. */
  readonly off: DurationLike
  /** From then on. */
  readonly lambda: ControlValue
}

/**
 * One schedule after the other, each from its own start: `join(off().for(epochs(5)), exponential(…))`.
 *
 * The last may be without end. One that ends must not end before the run does: that is refused when the run's length
 * is known.
 */
export function join(...parts: readonly [...Piece[], ControlValue]): Schedule {
  const sources = parts.map(requireSource)
  for (const [i, part] of sources.slice(0, -1).entries()) {
    if ('duration' in part) continue
    throw new AbsgdError('experiment', `part ${i + 1} of join has no end`, {
      hint: 'say how long it lasts: .for(epochs(n)); only the last part may be without end',
    })
  }
  if (sources.length === 0)
    throw new AbsgdError('experiment', 'join of nothing', { hint: 'give it a schedule' })
  return scheduleOf({ kind: 'join', parts: sources })
}

/** A straight line from `init` to the first value of `then`, then that schedule; in `space`, that runs evenly. */
export function warmup({ over, warmupSteps, then, space = 'value', ...given }: WarmupArguments): Schedule {
  const { init = space === 'inverse' ? Infinity : 0 } = given
  const next = requireSource(then, 0)
  if ((over === undefined) === (warmupSteps === undefined)) {
    throw new AbsgdError('experiment', `warmup is given ${over === undefined ? 'no' : 'two'} durations`, {
      hint: 'say how long it takes, once: over: epochs(n), or warmupSteps: n',
    })
  }
  const duration = durationOf((over ?? warmupSteps)!, 'over of warmup')
  // Its first value is the same however long an epoch is.
  const peak = compile(next, { stepsPerEpoch: 1, runSteps: 1 })(0)
  return scheduleOf({
    kind: 'join',
    parts: [linear({ init, end: peak, over: duration, space }).for(duration), next],
  })
}

/** The paper's scheme: plain SGD first, then λ. */
export function twoStage({ off: first, lambda }: TwoStageArguments): Schedule {
  return join(off().for(first), typeof lambda === 'number' ? constant(lambda) : lambda)
}

/**
 * Every value of `source` times `factor`, a finite number other than 0: below 0 it turns λ round. Off stays off.
 *
 * @throws AbsgdError 'experiment' also where a product is beyond what a number holds
 */
export function scale(source: ControlValue, factor: number): Schedule {
  const inner = ofOpenLoop('scale', requireSource(source, 0))
  if (Number.isFinite(factor) && factor !== 0) {
    const scaled = scheduleOf({ kind: 'scale', source: inner, factor })
    leavesOf(scaled)
    return scaled
  }
  throw new AbsgdError('experiment', `scale by ${String(factor)}`, {
    hint: 'a factor is a finite number other than 0',
  })
}

/**
 * Every value of `source` with its size |value| held within [min, max]; the sign stays, and so does ±Infinity: what is
 * off stays off. A ramp's 0 is of the side that it comes from or runs to; any other 0 is above 0.
 */
export function bound(source: ControlValue, { min = 0, max = Infinity }: Partial<Bounds>): Schedule {
  const inner = ofOpenLoop('bound', requireSource(source, 0))
  if (min >= 0 && min <= max && Number.isFinite(min))
    return scheduleOf({ kind: 'bound', source: inner, bounds: { min, max } })
  throw new AbsgdError('experiment', `bound within ${String(min)} to ${String(max)}`, {
    hint: 'bounds are of the magnitude: 0 ≤ min ≤ max',
  })
}

function ofOpenLoop(what: string, source: Source): Source {
  if (!isFeedback(source)) return source
  throw new AbsgdError('experiment', `${what} of a feedback schedule`, {
    hint: 'give the schedule bounds of its own: min and max',
  })
}

function requireSource(value: ControlValue, index: number) {
  if (typeof value === 'number') return constant(value)
  if (isSource(value)) return sourceOf(value)
  throw new AbsgdError('experiment', `part ${index + 1} is no schedule`, {
    hint: 'give a number or a schedule such as off(), linear(…), exponential(…)',
  })
}
