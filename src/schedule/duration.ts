/** Durations of training in epochs, steps or both. They are converted to steps once the steps of an epoch are known. */
import { AbsgdError } from '../errors.js'

/** A duration is the sum of its two parts. */
export interface Duration {
  /** From 0; fractions are permitted. */
  readonly epochs: number
  /** A whole number, at least 0. */
  readonly steps: number
}

/** A plain number counts steps. */
export type DurationLike = Duration | number

/** Training that ends only by request. */
export interface UntilStopped {
  readonly untilStopped: true
}

/** A repeated event: once after each duration `every` of training. */
export interface Every {
  readonly every: Duration
}

/**
 * `count` passes over the training data.
 *
 * @param count from 0. Fractions are rounded to whole steps, and to at least one step if `count` is above 0.
 */
export function epochs(count: number): Duration {
  if (Number.isFinite(count) && count >= 0) return { epochs: count, steps: 0 }
  throw new AbsgdError('experiment', `epochs(${String(count)}) is no duration`, {
    hint: 'epochs takes a finite number from 0; fractions are permitted',
  })
}

/** `count` optimizer steps. @param count a whole number, at least 0 */
export function stepCount(count: number): Duration {
  if (isStepCount(count)) return { epochs: 0, steps: count }
  throw new AbsgdError('experiment', `steps(${String(count)}) is no duration`, {
    hint: 'a number of steps is a whole number from 0',
  })
}

/** A period for the settings `evaluate` and `checkpoint`. @param period above 0 */
export function every(period: DurationLike): Every {
  const duration = durationOf(period, 'every')
  if (!isNothing(duration)) return { every: duration }
  throw new AbsgdError('experiment', 'every(0) never comes to an end', {
    hint: 'every takes a duration above 0',
  })
}

/** A `length` without end: the run trains until it is stopped. */
export function untilStopped(): UntilStopped {
  return { untilStopped: true }
}

/** @throws AbsgdError 'experiment' naming `what`, when `value` is no duration */
export function durationOf(value: DurationLike, what: string): Duration {
  if (typeof value === 'number') {
    if (isStepCount(value)) return stepCount(value)
    throw new AbsgdError('experiment', `${what} is ${value}`, {
      hint: 'it takes epochs(n), or a number of steps, which is a whole number from 0',
    })
  }
  if (isDuration(value)) return value
  throw new AbsgdError('experiment', `${what} is no duration`, {
    hint: 'give epochs(n), steps(n), or a number of steps',
  })
}

function isStepCount(count: number): boolean {
  return Number.isSafeInteger(count) && count >= 0
}

export function isDuration(value: unknown): value is Duration {
  return (
    typeof value === 'object' &&
    value !== null &&
    'epochs' in value &&
    'steps' in value &&
    typeof value.epochs === 'number' &&
    typeof value.steps === 'number'
  )
}

export function isNothing(duration: Duration): boolean {
  return duration.epochs === 0 && duration.steps === 0
}

export function add(a: Duration, b: Duration): Duration {
  return { epochs: a.epochs + b.epochs, steps: a.steps + b.steps }
}

/** Whether `a` is shorter than `b` for any number of steps in an epoch. */
export function isSurelyShorter(a: Duration, b: Duration): boolean {
  return a.epochs <= b.epochs && a.steps <= b.steps && (a.epochs < b.epochs || a.steps < b.steps)
}

/**
 * A duration in steps, before rounding.
 *
 * @param stepsPerEpoch 0 when the data is a stream without length
 * @throws AbsgdError 'experiment' when the duration has epochs and the data has none, or the sum is above 2^53
 */
export function exactSteps(duration: Duration, stepsPerEpoch: number): number {
  if (duration.epochs > 0 && stepsPerEpoch === 0) {
    throw new AbsgdError(
      'experiment',
      `${describeDuration(duration)} cannot be converted to steps: the data has no epochs`,
      {
        hint: 'the training data is a stream without length: use steps(n), and untilStopped() for the length',
      },
    )
  }
  const exact = duration.epochs * stepsPerEpoch + duration.steps
  if (exact <= Number.MAX_SAFE_INTEGER) return exact
  throw new AbsgdError('experiment', `${describeDuration(duration)} is more than 2^53 steps`)
}

/** A duration in whole steps: at least 1 unless the duration is 0. Errors as in {@link exactSteps}. */
export function toSteps(duration: Duration, stepsPerEpoch: number): number {
  const rounded = Math.round(exactSteps(duration, stepsPerEpoch))
  return isNothing(duration) ? 0 : Math.max(1, rounded)
}

/** "5 epochs", "1 step", "2 epochs and 10 steps". */
export function describeDuration({ epochs, steps }: Duration): string {
  const parts = [
    ...(epochs > 0 ? [counted(epochs, 'epoch')] : []),
    ...(steps > 0 || epochs === 0 ? [counted(steps, 'step')] : []),
  ]
  return parts.join(' and ')
}

function counted(count: number, unit: string): string {
  return `${count} ${unit}${count === 1 ? '' : 's'}`
}
