/** Previews a run: the values of every control over its length, before the run is started. */
import { AbsgdError } from '../errors.js'
import { isFeedback } from '../schedule/schedule-parts.js'
import { describe } from '../schedule/describe-schedule.js'
import { describeDuration, exactSteps, type Duration } from '../schedule/duration.js'
import type { Segment } from '../schedule/segment.js'
import { compileRun, type RunSchedule } from './run-schedule.js'
import { ascending, breakpoints, curveSteps, eventSteps, notableSteps } from './preview-steps.js'
import type { ResolvedExperiment } from './resolve-experiment.js'
import { usedDurations } from './used-durations.js'

/** A preview. Points of the run are numbers of steps done, or of epochs done if the steps of an epoch are unknown. */
export interface Preview {
  readonly unit: 'step' | 'epoch'
  /** Null while unknown, or if the data is a stream. */
  readonly stepsPerEpoch: number | null
  /** Length of the whole run; null if it trains until it is stopped. */
  readonly length: number | null
  /** End of the preview: the end of the run, or a point after the last breakpoint. */
  readonly shown: number
  readonly controls: readonly PreviewedControl[]
  /** The points of `values`, ascending. */
  readonly at: readonly number[]
  /** The points at which the model is evaluated, the end included; null if they depend on the unknown steps of an epoch. */
  readonly evaluate: readonly number[] | null
  readonly checkpoint: readonly number[] | null
  readonly warnings: readonly string[]
}

export interface PreviewedControl {
  readonly name: string
  /** "off for 5 epochs, then exponential -5 → -0.5 over 10 epochs" */
  readonly schedule: string
  /** The values at the points `at`; ±Infinity for a lambda that is off. */
  readonly values: readonly number[]
  /** Closely spaced values from 0 to `shown`, for a chart. */
  readonly curve: { readonly x: Float64Array; readonly y: Float64Array }
  /** Whether the value is constant over the run, as far as it is known before. */
  readonly constant: boolean
  /** Whether any value is decided while the run trains. */
  readonly decided: boolean
  /** Whether a logarithmic axis is suitable: an exponential or a lambda, with values of one sign that span a factor of 10. */
  readonly logarithmic: boolean
}

export interface PreviewOptions {
  /** If it is unknown, the preview is in epochs, provided that all durations of the experiment are. */
  readonly stepsPerEpoch?: number
  /** The points of `values`. @default the points at which a control begins another curve, and points between them */
  readonly at?: readonly Duration[]
}

/**
 * @throws AbsgdError 'usage' when the experiment uses both epochs and steps and the steps of an epoch are not given, and for a point
 * outside the run; 'experiment' as in {@link compileRun}
 */
export function previewRun(resolved: ResolvedExperiment, options: PreviewOptions = {}): Preview {
  const scale = scaleOf(resolved, options)
  const { unit, steps, stepsPerEpoch } = scale
  const schedule = compileRun(resolved, { stepsPerEpoch, unit: { name: unit, steps } })
  const points = options.at?.map((point) => stepOf(point, scale)) ?? []
  const shown = schedule.runSteps === 0 ? horizon(schedule, points, scale) : schedule.runSteps
  const last = unit === 'step' ? shown - 1 : shown
  for (const [i, point] of points.entries()) requireWithin(options.at![i]!, point, last, scale)
  const at =
    options.at === undefined
      ? notableSteps(schedule, last)
      : ascending(points.map((point) => Math.min(point, last)))
  const known = unit === 'epoch' || stepsPerEpoch > 0
  const events = (kind: 'evaluate' | 'checkpoint') =>
    resolved[kind] === 'epoch' && !known
      ? null
      : eventSteps(schedule, kind, shown).map((step) => step / steps)
  const controls = Object.entries(resolved.controls).map(([name, source]): PreviewedControl => {
    const valueAt = (step: number) => schedule.rows(Math.min(step, last), 1)[name]![0]!
    const drawn = curveSteps(schedule, shown)
    const y = drawn.map(valueAt)
    return {
      name,
      schedule: describe(source),
      values: at.map(valueAt),
      curve: { x: drawn.map((step) => step / steps), y },
      constant: y.every((value) => value === y[0]),
      decided: isFeedback(source),
      logarithmic: isLogarithmic(name, schedule.segments.get(name)!, y),
    }
  })
  return {
    unit,
    stepsPerEpoch: unit === 'step' && stepsPerEpoch > 0 ? stepsPerEpoch : null,
    length: schedule.runSteps === 0 ? null : schedule.runSteps / steps,
    shown: shown / steps,
    controls,
    at: at.map((step) => step / steps),
    evaluate: events('evaluate'),
    checkpoint: events('checkpoint'),
    warnings: schedule.warnings,
  }
}

interface Scale {
  readonly unit: Preview['unit']
  /** Steps of one unit. */
  readonly steps: number
  /** 0 while unknown. */
  readonly stepsPerEpoch: number
}

function scaleOf(resolved: ResolvedExperiment, { stepsPerEpoch }: PreviewOptions): Scale {
  if (stepsPerEpoch !== undefined) return { unit: 'step', steps: 1, stepsPerEpoch }
  const durations = usedDurations(resolved)
  const inEpochs = durations.find(({ duration }) => duration.epochs > 0)
  const inSteps = durations.find(({ duration }) => duration.steps > 0)
  if (inEpochs === undefined) return { unit: 'step', steps: 1, stepsPerEpoch: 0 }
  if (inSteps === undefined) return { unit: 'epoch', steps: FINE, stepsPerEpoch: FINE }
  const [first, second] = [inEpochs, inSteps].map((one) => `${one.what}: ${describeDuration(one.duration)}`)
  throw new AbsgdError(
    'usage',
    `"${resolved.name}" speaks of epochs (${first ?? ''}) and of steps (${second ?? ''}): a plan needs the steps of an epoch`,
    { hint: `give ${STEPS_PER_EPOCH}` },
  )
}

function stepOf(point: Duration, { unit, stepsPerEpoch }: Scale): number {
  const lacking = unit === 'epoch' ? point.steps > 0 : point.epochs > 0 && stepsPerEpoch === 0
  if (!lacking) return Math.round(exactSteps(point, stepsPerEpoch))
  const [other, hint] =
    unit === 'epoch'
      ? ['the plan is in epochs', `give epochs, such as 5e, or ${STEPS_PER_EPOCH}`]
      : ['the steps of an epoch are not known', `give steps, or ${STEPS_PER_EPOCH}`]
  throw new AbsgdError('usage', `${describeDuration(point)} cannot be placed: ${other}`, { hint })
}

/** The end of the last epoch counts as the last step. */
function requireWithin(point: Duration, step: number, last: number, { unit, steps }: Scale): void {
  if (step <= last || (point.epochs > 0 && step === last + 1)) return
  throw new AbsgdError('usage', `${describeDuration(point)} lie outside the run`, {
    hint: unit === 'step' ? `its last step is ${last}` : `it is ${last / steps} epochs long`,
  })
}

/** The end of the preview of a run without end: a quarter beyond its last breakpoint and the requested points. */
function horizon(schedule: RunSchedule, points: readonly number[], { steps }: Scale): number {
  const last = Math.max(...breakpoints(schedule), ...points)
  return Math.max(last + 1, Math.ceil(1.25 * last), steps === 1 ? LEAST_STEPS : LEAST_EPOCHS * steps)
}

function isLogarithmic(name: string, segments: readonly Segment[], values: Float64Array): boolean {
  const finite = values.filter((value) => Number.isFinite(value))
  const sizes = finite.map(Math.abs)
  const one = finite.every((value) => value > 0) || finite.every((value) => value < 0)
  const meant =
    name === 'lambda' || segments.some(({ curve, space }) => curve === 'exponential' || space === 'log')
  return meant && one && sizes.length > 0 && Math.max(...sizes) >= 10 * Math.min(...sizes)
}

/** Steps of an epoch in a preview in epochs, so that boundaries are exact to a millionth of an epoch. */
const FINE = 1_000_000
/** Smallest length of the preview of a run without end. */
const LEAST_STEPS = 100
const LEAST_EPOCHS = 10
export const STEPS_PER_EPOCH =
  '--steps-per-epoch N: the training samples divided by the batch size, rounded up; ' +
  'the first lines of "absgd run" say it ("1,920, 32 an epoch")'
