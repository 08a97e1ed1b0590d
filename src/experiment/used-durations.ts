/** Lists all durations that an experiment uses. */
import type { Duration } from '../schedule/duration.js'
import { durationsOf } from '../schedule/schedule-parts.js'
import type { ResolvedExperiment } from './resolve-experiment.js'

export function usedDurations({
  length,
  evaluate,
  checkpoint,
  controls,
}: ResolvedExperiment): readonly UsedDuration[] {
  return [
    ...('untilStopped' in length ? [] : [{ what: 'length', duration: length }]),
    ...Object.entries({ evaluate, checkpoint }).flatMap(([what, cadence]) =>
      typeof cadence === 'string' ? [] : [{ what, duration: cadence.every }],
    ),
    ...Object.entries(controls).flatMap(([what, source]) =>
      durationsOf(source).map((duration) => ({ what, duration })),
    ),
  ]
}

interface UsedDuration {
  /** Name of the setting or control. */
  readonly what: string
  readonly duration: Duration
}
