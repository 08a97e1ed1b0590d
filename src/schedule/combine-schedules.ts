/** Functions that combine schedules: join, twoStage, scale, bound. */
import { AbsgdError } from '../errors.js'
import { constant, off } from './anneal.js'
import type { DurationLike } from './duration.js'
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
} from './schedule.js'

export interface TwoStageArguments {
  /** Duration of the first stage, with plain SGD. */
  readonly off: DurationLike
  /** λ of the second stage. */
  readonly lambda: ControlValue
}

/**
 * One schedule after the other, each from its own start: `join(off().for(epochs(5)), exponential(…))`.
 *
 * The last part may be without end. If it ends before the run, the run is refused, as soon as its length is known.
 */
export function join(...parts: readonly [...Piece[], ControlValue]): Schedule {
  const sources = parts.map(requireSource)
  for (const [i, part] of sources.slice(0, -1).entries()) {
    if ('duration' in part) continue
    throw new AbsgdError('experiment', `part ${i + 1} of join has no end`, {
      hint: 'give its duration: .for(epochs(n)); only the last part may be without end',
    })
  }
  if (sources.length === 0)
    throw new AbsgdError('experiment', 'join of nothing', { hint: 'give it a schedule' })
  return scheduleOf({ kind: 'join', parts: sources })
}

/** The two-stage scheme of the paper (ABSGD, arXiv 2012.06951): plain SGD first, then λ. */
export function twoStage({ off: first, lambda }: TwoStageArguments): Schedule {
  return join(off().for(first), typeof lambda === 'number' ? constant(lambda) : lambda)
}

/**
 * Every value of `source` times `factor`, a finite number other than 0. A negative factor changes the sign of λ. Off stays off.
 *
 * @throws AbsgdError 'experiment' also if a product overflows
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
 * Every value of `source` with |value| limited to [min, max]. The sign stays the same, and ±Infinity (off) stays off. A 0 at an end
 * of a ramp has the sign of the other end; any other 0 counts as positive.
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

/** @param index - of the part in the call, from 0, for the error */
export function requireSource(value: ControlValue, index: number) {
  if (typeof value === 'number') return constant(value)
  if (isSource(value)) return sourceOf(value)
  throw new AbsgdError('experiment', `part ${index + 1} is no schedule`, {
    hint: 'give a number or a schedule such as off(), linear(…), exponential(…)',
  })
}
