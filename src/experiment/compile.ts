/** A run in steps: once, when the worker has told how many an epoch has. */
import { AbsgdError, toAbsgdError } from '../errors.js'
import type { PlanEvent, StepColumns } from '../record/record.js'
import { column, compileSegments } from '../schedule/compile.js'
import { toSteps } from '../schedule/duration.js'
import type { Segment } from '../schedule/segment.js'
import { eventsOf, periodOf } from './events.js'
import type { ResolvedExperiment } from './resolve.js'
import { warningsOf } from './warnings.js'

export interface RunSchedule {
  /** 0: until stopped. */
  readonly runSteps: number
  /** One array a control for the steps [first, first + count): `count` values, or one that holds for all. */
  rows(first: number, count: number): StepColumns
  /**
   * What happens after the steps [first, first + count), ascending, evaluation before checkpoint. The evaluation and the
   * checkpoint after the run's last step happen in any case and are not among them.
   */
  events(first: number, count: number): readonly PlanEvent[]
  /** For people, a sentence each. */
  readonly warnings: readonly string[]
}

/**
 * @param facts.stepsPerEpoch 0 when the data is a stream without length
 * @throws AbsgdError 'experiment' naming the setting that speaks of epochs where there are none, or the control whose
 * schedule ends before the run
 */
export function compileRun(
  resolved: ResolvedExperiment,
  { stepsPerEpoch }: { stepsPerEpoch: number },
): RunSchedule {
  const { length } = resolved
  const runSteps = named('length', () => ('untilStopped' in length ? 0 : toSteps(length, stepsPerEpoch)))
  const controls: [string, readonly Segment[]][] = Object.entries(resolved.controls).map(([name, source]) => [
    name,
    named(name, () => compileSegments(source, { stepsPerEpoch, runSteps })),
  ])
  const evaluate = named('evaluate', () => periodOf(resolved.evaluate, stepsPerEpoch))
  const checkpoint = named('checkpoint', () => periodOf(resolved.checkpoint, stepsPerEpoch))
  return {
    runSteps,
    rows: (first, count) =>
      Object.fromEntries(controls.map(([name, segments]) => [name, column(segments, first, count)])),
    events: (first, count) => eventsOf({ evaluate, checkpoint }, runSteps, first, count),
    warnings: warningsOf(resolved.controls, new Map(controls), runSteps),
  }
}

function named<T>(what: string, compute: () => T): T {
  try {
    return compute()
  } catch (thrown) {
    const { message, hint } = toAbsgdError(thrown, 'experiment')
    throw new AbsgdError('experiment', `${what}: ${message}`, {
      ...(hint === undefined ? {} : { hint }),
      cause: thrown,
    })
  }
}
