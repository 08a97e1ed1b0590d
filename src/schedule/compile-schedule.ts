/** Computes the values of a schedule once the steps of an epoch and of the run are known. */
import { AbsgdError } from '../errors.js'
import { sourceOf, type ControlValue } from './schedule.js'
import { curveOf, endOf, segmentsOf, type Segment } from './segment.js'

export interface RunLength {
  /** 0 when the data is a stream without length. */
  readonly stepsPerEpoch: number
  /** 0 when the run trains until it is stopped. */
  readonly runSteps: number
}

/**
 * The value of a schedule as a pure function of the step, from 0.
 *
 * @throws AbsgdError 'experiment' when the schedule ends before the run, or uses epochs and the data has none
 */
export function compile(value: ControlValue, length: RunLength): (step: number) => number {
  const segments = compileSegments(value, length)
  return (step) => {
    if (Number.isSafeInteger(step) && step >= 0) return segmentValue(segments, step)
    throw new AbsgdError('usage', `step ${String(step)} does not exist`, {
      hint: 'steps are whole numbers from 0',
    })
  }
}

/** The segments of a schedule, after a check that it lasts as long as the run. Errors as in {@link compile}. */
export function compileSegments(
  value: ControlValue,
  { stepsPerEpoch, runSteps }: RunLength,
): readonly Segment[] {
  const segments = segmentsOf(sourceOf(value), stepsPerEpoch)
  for (const { rule } of segments) {
    const { leastSteps = 0, name = '' } = rule ?? {}
    if (runSteps === 0 || runSteps >= leastSteps) continue
    throw new AbsgdError(
      'experiment',
      `${name} needs at least ${leastSteps} steps, but the run has ${runSteps}`,
      {
        hint: 'train longer, or give the control a schedule of your own',
      },
    )
  }
  const end = endOf(segments)
  const runEnd = runSteps === 0 ? Infinity : runSteps
  if (end >= runEnd) return segments
  const run = runSteps === 0 ? 'trains until it is stopped' : `is ${runSteps} steps long`
  throw new AbsgdError('experiment', `the schedule ends at step ${end}, but the run ${run}`, {
    hint: 'leave its last part without end (no .for), or make it last as long as the run',
  })
}

/** The values of the steps [first, first + count): a single value if they are all the same, else one for each step. */
export function column(segments: readonly Segment[], first: number, count: number): Float64Array {
  const last = first + count
  const met = segments.filter(({ from, to }) => from < last && to > first)
  const firstValue = segmentValue(segments, first)
  if (met.every((segment) => segment.curve === 'constant' && curveOf(segment)(segment.from) === firstValue))
    return Float64Array.of(firstValue)
  const values = new Float64Array(count)
  for (const segment of met) {
    const begin = Math.max(segment.from, first)
    const end = Math.min(segment.to, last)
    const value = curveOf(segment)
    for (let step = begin; step < end; step++) values[step - first] = value(step)
  }
  // A ramp that lies outside its bounds is constant as well.
  return values.every((value) => value === firstValue) ? Float64Array.of(firstValue) : values
}

/** After the end of a schedule its last value stays. */
function segmentValue(segments: readonly Segment[], step: number): number {
  const segment = segments.findLast(({ from }) => from <= step)!
  return curveOf(segment)(Math.min(step, segment.to - 1))
}
