/** A run's settings in words, for its manifest. */
import type { RunConfig } from '../record/manifest.js'
import { describe } from '../schedule/describe.js'
import { describeDuration } from '../schedule/duration.js'
import type { ResolvedExperiment } from './resolve.js'
import type { Cadence } from './settings.js'

export function describeConfig(resolved: ResolvedExperiment): RunConfig {
  const {
    task,
    length,
    objective,
    controls,
    sampleEvery,
    sampleQuotaBytes,
    orphanLimitSeconds,
    keepCheckpoints,
    weighting,
  } = resolved
  return {
    task,
    length: 'untilStopped' in length ? 'until stopped' : describeDuration(length),
    evaluate: describeCadence(resolved.evaluate),
    checkpoint: describeCadence(resolved.checkpoint),
    ...(objective === undefined ? {} : { objective }),
    controls: Object.fromEntries(Object.entries(controls).map(([name, source]) => [name, describe(source)])),
    sampleEvery,
    sampleQuotaBytes,
    orphanLimitSeconds,
    keepCheckpoints,
    weighting,
  }
}

function describeCadence(cadence: Cadence): string {
  if (cadence === 'end') return 'at the end'
  if (cadence === 'epoch') return 'every epoch, or at the end of a stream'
  return `every ${describeDuration(cadence.every).replace(/^1 (?=\w+$)/, '')}`
}
