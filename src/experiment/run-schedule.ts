/** A run in steps: once, when the worker has told how many an epoch has. */
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
  /** 0: until stopped. */
  readonly runSteps: number
  /** One array a control for the steps [first, first + count): `count` values, or one that holds for all. */
  rows(first: number, count: number): StepColumns
  /**
   * What happens after the steps [first, first + count), ascending, evaluation before checkpoint. The evaluation and the
   * checkpoint after the run's last step happen in any case and are not among them.
   */
  events(first: number, count: number): readonly PlanEvent[]
  /** Every control's, by name, from step 0 on. */
  readonly segments: ReadonlyMap<string, readonly Segment[]>
  /** For people, a sentence each. */
  readonly warnings: readonly string[]
}

export interface CompileFacts {
  /** 0 when the data is a stream without length. */
  readonly stepsPerEpoch: number
  /** What warnings speak in. @default steps */
  readonly unit?: Unit
  /** Of the data: what |lambda| is small is told from it. @default 0: not known */
  readonly numClasses?: number
}

/**
 * @throws AbsgdError 'experiment' naming the setting that speaks of epochs where there are none, or the control whose
 * schedule ends before the run
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
      Object.fromEntries([...segments].map(([name, laidOut]) => [name, column(laidOut, first, count)])),
    events: (first, count) => eventsOf({ evaluate, checkpoint }, runSteps, first, count),
    segments,
    warnings: warningsOf(resolved.controls, segments, { runSteps, unit, numClasses }),
  }
}

/** A script does not tell its epochs: what helps it is another remedy than a stream's. */
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
