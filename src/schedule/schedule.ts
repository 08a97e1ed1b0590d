/** The type of a schedule: a value over training. Its durations are symbolic until the steps of an epoch are known. */
import { AbsgdError } from '../errors.js'
import { durationOf, type Duration, type DurationLike } from './duration.js'
import type { FeedbackRule } from './feedback/feedback-rule.js'

export type Curve = 'linear' | 'cosine' | 'exponential'

/**
 * The quantity that a curve is applied to: the value, log |value| or 1/value. With the last two the value never reaches 0; with
 * 1/value an end may be ±Infinity, which means off.
 */
export type Space = 'value' | 'log' | 'inverse'

/** Bounds of |value|; the sign stays the same. */
export interface Bounds {
  readonly min: number
  readonly max: number
}

export type Shape =
  | { readonly kind: 'constant'; readonly value: number }
  /** A ramp from `init` to `end`, which then stays at `end`. */
  | {
      readonly kind: 'ramp'
      readonly curve: Curve
      readonly init: number
      readonly end: number
      readonly over: Duration
      /** @default 'value' */
      readonly space?: Space
    }
  /** `init`, then each value of `at` from its boundary on. */
  | { readonly kind: 'steps'; readonly init: number; readonly at: readonly (readonly [Duration, number])[] }
  /** One schedule after the other. All but the last have an end. */
  | { readonly kind: 'join'; readonly parts: readonly Source[] }
  /** Every value of another schedule, multiplied by a factor. */
  | { readonly kind: 'scale'; readonly source: Source; readonly factor: number }
  /** Every value of another schedule, limited to bounds. */
  | { readonly kind: 'bound'; readonly source: Source; readonly bounds: Bounds }
  /** Values that a rule computes from reported steps while the run trains. */
  | { readonly kind: 'feedback'; readonly rule: FeedbackRule }

/** A schedule without end: a value for every step. */
export interface Schedule {
  readonly shape: Shape
  /** The first `duration` of the schedule, as a part of {@link join}. */
  for(duration: DurationLike): Piece
}

/** A schedule with an end. */
export interface Piece {
  readonly shape: Shape
  readonly duration: Duration
}

export type Source = Schedule | Piece

/** The value of a control in an experiment: a schedule, or a number that is constant over the whole run. */
export type ControlValue = number | Source

export function scheduleOf(shape: Shape): Schedule {
  return { shape, for: (duration) => ({ shape, duration: durationOf(duration, 'the duration of .for()') }) }
}

export function sourceOf(value: ControlValue): Source {
  return typeof value === 'number' ? scheduleOf({ kind: 'constant', value }) : value
}

export function isSource(value: unknown): value is Source {
  return (
    typeof value === 'object' &&
    value !== null &&
    'shape' in value &&
    typeof value.shape === 'object' &&
    value.shape !== null &&
    'kind' in value.shape &&
    KINDS.has(value.shape.kind)
  )
}

/** @throws AbsgdError 'experiment' unless `value` is a finite number */
export function requireFinite(value: number, what: string): void {
  if (Number.isFinite(value)) return
  throw new AbsgdError('experiment', `${what} is ${String(value)}`, { hint: 'it takes a finite number' })
}

const KINDS: ReadonlySet<unknown> = new Set<Shape['kind']>([
  'constant',
  'ramp',
  'steps',
  'join',
  'scale',
  'bound',
  'feedback',
])
