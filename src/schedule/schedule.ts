/** What a schedule is: a value over training, symbolic until the steps of an epoch are known. */
import { AbsgdError } from '../errors.js'
import { durationOf, type Duration, type DurationLike } from './duration.js'
import type { FeedbackRule } from './feedback/feedback-rule.js'

export type Curve = 'linear' | 'cosine' | 'exponential'

/**
 * In what a curve runs: in the value, in log |value| or in 1/value. The last two never come to 0; in the last an end may be
 * ±Infinity, which is off.
 */
export type Space = 'value' | 'log' | 'inverse'

/** Of |value|; the sign stays. */
export interface Bounds {
  readonly min: number
  readonly max: number
}

export type Shape =
  | { readonly kind: 'constant'; readonly value: number }
  /** Runs from `init` to `end`, and stays there. */
  | {
      readonly kind: 'ramp'
      readonly curve: Curve
      readonly init: number
      readonly end: number
      readonly over: Duration
      /** @default 'value' */
      readonly space?: Space
    }
  /** `init`, then each value from its boundary on. */
  | { readonly kind: 'steps'; readonly init: number; readonly at: readonly (readonly [Duration, number])[] }
  /** One after the other; all but the last are bounded. */
  | { readonly kind: 'join'; readonly parts: readonly Source[] }
  /** Every value of another, multiplied. */
  | { readonly kind: 'scale'; readonly source: Source; readonly factor: number }
  /** Every value of another, held within bounds. */
  | { readonly kind: 'bound'; readonly source: Source; readonly bounds: Bounds }
  /** What a rule makes of the reports, decided while the run trains. */
  | { readonly kind: 'feedback'; readonly rule: FeedbackRule }

/** A value for every step, without end. */
export interface Schedule {
  readonly shape: Shape
  /** Its first `duration`, as a piece for {@link join}. */
  for(duration: DurationLike): Piece
}

/** A schedule that ends. */
export interface Piece {
  readonly shape: Shape
  readonly duration: Duration
}

export type Source = Schedule | Piece

/** What a control can be given: a plain number stays as it is over the whole run. */
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
