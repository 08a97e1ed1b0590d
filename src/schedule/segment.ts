/** A schedule as segments of steps, each with a single curve. */
import { AbsgdError } from '../errors.js'
import { cosPi, exp, log } from './elementary.js'
import { add, describeDuration, toSteps, isNothing, type Duration } from './duration.js'
import type { FeedbackRule } from './feedback/feedback-rule.js'
import type { Bounds, Curve, Shape, Source, Space } from './schedule.js'

/** The steps [from, to). */
export interface Segment {
  readonly from: number
  /** First step after the segment; Infinity if it has no end. */
  readonly to: number
  readonly curve: Curve | 'constant' | 'feedback'
  /** Value at `from`. */
  readonly init: number
  /** Value at `from + over`. */
  readonly end: number
  /** Number of steps from `init` to `end`; 0 for a constant. */
  readonly over: number
  /** @default 'value' */
  readonly space?: Space
  /** Bounds that its values are limited to, one after the other. */
  readonly bounds?: readonly Bounds[]
  /** Set for a feedback schedule only: `init` is used until the values are decided. */
  readonly rule?: FeedbackRule
}

/**
 * The segments of a schedule, without holes from step 0 on.
 *
 * Each boundary is the rounded sum of the durations before it, so that an epoch's boundary does not depend on the number of parts
 * before it. A part whose duration is above 0 has at least one step.
 *
 * @param stepsPerEpoch 0 when the data is a stream without length
 * @throws AbsgdError 'experiment' when the schedule uses epochs and the data has none, or a part ends too early
 */
export function segmentsOf(source: Source, stepsPerEpoch: number): readonly Segment[] {
  return layOut(source, { offset: { epochs: 0, steps: 0 }, step: 0 }, stepsPerEpoch)
}

/** The first step without a value; Infinity for a schedule without end. */
export function endOf(segments: readonly Segment[]): number {
  return segments.at(-1)?.to ?? 0
}

/** The value at a step of the segment: exactly `init` at its start, never outside [init, end]. */
export function curveOf(segment: Segment): (step: number) => number {
  const { from, curve, init, end, over, space = 'value', bounds = [] } = segment
  // Adding 0 changes -0 to 0.
  const limited = (value: number) => (bounds.length === 0 ? value : bounds.reduce(within, value) + 0)
  if (curve === 'constant' || curve === 'feedback') {
    const value = limited(init)
    return () => value
  }
  const between = betweenIn(space, curve, init, end)
  const low = Math.min(init, end)
  const high = Math.max(init, end)
  // Rounding must not move a value outside the range that was checked at its ends.
  const value = (step: number) =>
    step === from ? init : Math.min(high, Math.max(low, between((step - from) / over)))
  return (step) => limited(value(step))
}

/** The value with |value| limited to bounds; -0 counts as negative. ±Infinity means off and stays. */
export function within(value: number, { min, max }: Bounds): number {
  if (!Number.isFinite(value)) return value
  const size = Math.min(max, Math.max(min, Math.abs(value)))
  return value < 0 || Object.is(value, -0) ? -size : size
}

/** The ends of a ramp. An end of 0 gets the sign of the other end. */
export function sided({ init, end }: Readonly<Record<'init' | 'end', number>>) {
  return { init: init === 0 && end < 0 ? -0 : init, end: end === 0 && init < 0 ? -0 : end }
}

/** A point of training, as a symbolic duration and in steps. */
interface Mark {
  readonly offset: Duration
  readonly step: number
}

function layOut(source: Source, start: Mark, stepsPerEpoch: number): readonly Segment[] {
  const whole = layOutShape(source.shape, start, stepsPerEpoch)
  if (!('duration' in source)) return whole
  const end = after(start, source.duration, stepsPerEpoch).step
  const wholeEnd = whole.length === 0 ? start.step : endOf(whole)
  if (wholeEnd < end) {
    throw new AbsgdError(
      'experiment',
      `a join inside .for(${describeDuration(source.duration)}) ends at step ${wholeEnd}, before step ${end}`,
      { hint: 'leave its last part without end, or make it longer' },
    )
  }
  return whole
    .filter((segment) => segment.from < end)
    .map((segment) => ({ ...segment, to: Math.min(segment.to, end) }))
}

function layOutShape(shape: Shape, start: Mark, stepsPerEpoch: number): readonly Segment[] {
  switch (shape.kind) {
    case 'constant':
      return [constantSegment(start.step, Infinity, shape.value)]
    case 'ramp': {
      const { curve, init, end } = shape
      const to = after(start, shape.over, stepsPerEpoch).step
      const flat = constantSegment(to, Infinity, end)
      if (to === start.step) return [flat]
      const { space } = shape
      const ramp = { from: start.step, to, curve, init, end, over: to - start.step }
      return [space === undefined ? ramp : { ...ramp, space }, flat]
    }
    case 'steps':
      return layOutSteps(shape, start, stepsPerEpoch)
    case 'join': {
      const segments: Segment[] = []
      let mark = start
      for (const part of shape.parts) {
        for (const segment of layOut(part, mark, stepsPerEpoch)) segments.push(segment)
        if ('duration' in part) mark = after(mark, part.duration, stepsPerEpoch)
      }
      return segments
    }
    case 'scale':
      return layOut(shape.source, start, stepsPerEpoch).map((segment) => scaled(segment, shape.factor))
    case 'bound':
      return layOut(shape.source, start, stepsPerEpoch).map((segment, i, all) => ({
        ...segment,
        ...(segment.curve === 'constant' ? lasting(segment, all[i - 1]) : sided(segment)),
        bounds: [...(segment.bounds ?? []), shape.bounds],
      }))
    case 'feedback': {
      const { rule } = shape
      return [{ ...constantSegment(start.step, Infinity, rule.initial), curve: 'feedback', rule }]
    }
    default:
      return shape satisfies never
  }
}

function layOutSteps(
  shape: Shape & { kind: 'steps' },
  start: Mark,
  stepsPerEpoch: number,
): readonly Segment[] {
  const starts = [
    { step: start.step, value: shape.init },
    ...shape.at.map(([boundary, value]) => ({ step: after(start, boundary, stepsPerEpoch).step, value })),
  ]
  return starts.flatMap(({ step, value }, i) => {
    const to = starts[i + 1]?.step ?? Infinity
    if (to < step) {
      throw new AbsgdError(
        'experiment',
        `the boundaries of steps do not ascend: step ${to} comes after step ${step}`,
        {
          hint: `order them by time; an epoch has ${stepsPerEpoch} steps here`,
        },
      )
    }
    return to === step ? [] : [constantSegment(step, to, value)]
  })
}

function after(mark: Mark, duration: Duration, stepsPerEpoch: number): Mark {
  if (isNothing(duration)) return mark
  const offset = add(mark.offset, duration)
  return { offset, step: Math.max(mark.step + 1, toSteps(offset, stepsPerEpoch)) }
}

function constantSegment(from: number, to: number, value: number): Segment {
  return { from, to, curve: 'constant', init: value, end: value, over: 0 }
}

/** A constant 0 gets the sign of the ramp before it. */
function lasting({ init }: Segment, before: Segment | undefined) {
  const value = init === 0 && before !== undefined && Object.is(sided(before).end, -0) ? -0 : init
  return { init: value, end: value }
}

/** The segment with all values multiplied by `factor`. In every space it is enough to multiply both ends. */
function scaled(segment: Segment, factor: number): Segment {
  const { bounds } = segment
  const scaling = { ...segment, init: segment.init * factor, end: segment.end * factor }
  if (bounds === undefined) return scaling
  const size = Math.abs(factor)
  return { ...scaling, bounds: bounds.map(({ min, max }) => ({ min: min * size, max: max * size })) }
}

function betweenIn(space: Space, curve: Curve, init: number, end: number): (x: number) => number {
  switch (space) {
    case 'value':
      return CURVES[curve](init, end)
    case 'log': {
      const sign = Math.sign(init)
      const exponent = CURVES[curve](log(Math.abs(init)), log(Math.abs(end)))
      return (x) => sign * exp(exponent(x))
    }
    case 'inverse': {
      const inverse = CURVES[curve](1 / init, 1 / end)
      return (x) => 1 / inverse(x)
    }
    default:
      return space satisfies never
  }
}

/** The value at x in (0, 1). */
const CURVES: Readonly<Record<Curve, (init: number, end: number) => (x: number) => number>> = {
  linear: (init, end) => (x) => init * (1 - x) + end * x,
  cosine: (init, end) => (x) => {
    const left = (1 + cosPi(x)) / 2
    return init * left + end * (1 - left)
  },
  exponential: (init, end) => {
    const [sign, first, last] = [Math.sign(init), log(Math.abs(init)), log(Math.abs(end))]
    return (x) => sign * exp((1 - x) * first + x * last)
  },
}
