/** Computes the schedule of a run in steps, once, when the worker has reported the steps of an epoch. */
import { AbsgdError, toAbsgdError } from '../errors.js'
import type { PlanEvent, StepColumns } from '../record/record.js'
import { column, compileSegments } from '../schedule/compile-schedule.js'
import { describeDuration, toSteps } from '../schedule/duration.js'
import type { Segment } from '../schedule/segment.js'
import { eventsOf, periodOf } from './evaluation-and-checkpoint-steps.js'
import type { ResolvedExperiment } from './resolve-experiment.js'
import { usedDurations } from './used-durations.js'
import { warningsOf, type Unit } from './controls/schedule-warnings.js'

export interface RunSchedule {
  /** Steps of the run; 0: until stopped. */
  readonly runSteps: number
  /** The values of each control for the steps [first, first + count): `count` values, or a single value for all. */
  rows(first: number, count: number): StepColumns
  /**
   * The evaluations and checkpoints after the steps [first, first + count), ascending, evaluation before checkpoint. Those after the last
   * step of the run always happen and are not included.
   */
  events(first: number, count: number): readonly PlanEvent[]
  /** The segments of every control, by name, from step 0 on. */
  readonly segments: ReadonlyMap<string, readonly Segment[]>
  /** Warnings for people, one sentence each. */
  readonly warnings: readonly string[]
}

export interface CompileFacts {
  /** Steps of an epoch; 0 if the data is a stream without length. */
  readonly stepsPerEpoch: number
  /** The unit used in warnings. @default steps */
  readonly unit?: Unit
  /** Number of classes, which determines below what a |lambda| is small. @default 0: unknown */
  readonly numClasses?: number
}

/**
 * @throws AbsgdError 'experiment' naming the setting that uses epochs if the data has none, or the control whose schedule ends before
 * the run
 */
export function compileRun(
  resolved: ResolvedExperiment,
  { stepsPerEpoch, unit = { name: 'step', steps: 1 }, numClasses = 0 }: CompileFacts,
): RunSchedule {
  const { length } = resolved
  if (stepsPerEpoch === 0) requireSteps(resolved)
  const runSteps = named('length', () => ('untilStopped' in length ? 0 : toSteps(length, stepsPerEpoch)))
  const segments = new Map(
    Object.entries(resolved.controls).map(([name, source]) => [
      name,
      named(name, () => compileSegments(source, { stepsPerEpoch, runSteps })),
    ]),
  )
  const evaluate = named('evaluate', () => periodOf(resolved.evaluate, stepsPerEpoch))
  const checkpoint = named('checkpoint', () => periodOf(resolved.checkpoint, stepsPerEpoch))
  return {
    runSteps,
    rows: (first, count) =>
      Object.fromEntries([...segments].map(([name, ofControl]) => [name, column(ofControl, first, count)])),
    events: (first, count) => eventsOf({ evaluate, checkpoint }, runSteps, first, count),
    segments,
    warnings: warningsOf(resolved.controls, segments, { runSteps, unit, numClasses }),
  }
}

/** The epochs of a script are unknown. It needs another remedy than a stream of data. */
function requireSteps(resolved: ResolvedExperiment): void {
  if (resolved.program.kind === 'task') return
  const inEpochs = usedDurations(resolved).find(({ duration }) => duration.epochs > 0)
  if (inEpochs === undefined) return
  const { what, duration } = inEpochs
  throw new AbsgdError(
    'experiment',
    `${what} speaks of ${describeDuration(duration)}: how many steps an epoch of a script has is not known`,
    { hint: 'speak in steps(n): a step is one of the optimizer' },
  )
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
