/** Describes the settings of a run in words, for its manifest. */
import type { RunConfig } from '../record/manifest.js'
import type { Program } from '../record/worker-program.js'
import { describe } from '../schedule/describe-schedule.js'
import { describeDuration } from '../schedule/duration.js'
import { programInWords } from './files/resolve-program.js'
import type { ResolvedExperiment } from './resolve-experiment.js'
import type { Cadence } from './spec-schema.js'

export function describeConfig(resolved: ResolvedExperiment): RunConfig {
  const {
    program,
    objective,
    controls,
    sampleEvery,
    sampleQuotaBytes,
    orphanLimitSeconds,
    keepCheckpoints,
    mirror,
    weighting,
  } = resolved
  return {
    task: programInWords(program),
    length: lengthInWords(resolved),
    evaluate: describeCadence(resolved.evaluate, program.kind),
    checkpoint: describeCadence(resolved.checkpoint, program.kind),
    ...(objective === undefined ? {} : { objective }),
    controls: Object.fromEntries(Object.entries(controls).map(([name, source]) => [name, describe(source)])),
    sampleEvery,
    sampleQuotaBytes,
    orphanLimitSeconds,
    keepCheckpoints,
    ...(mirror.length === 0 ? {} : { mirror }),
    weighting,
  }
}

/** A script ends by itself. */
function lengthInWords({ program, length }: ResolvedExperiment): string {
  if (!('untilStopped' in length)) return describeDuration(length)
  return program.kind === 'task' ? 'until stopped' : 'until the script ends, or is stopped'
}

/** A script evaluates and writes checkpoints by itself, or through functions that it has registered for the plan. */
function describeCadence(cadence: Cadence, kind: Program['kind']): string {
  const isScript = kind !== 'task'
  if (typeof cadence !== 'string') {
    const every = `every ${describeDuration(cadence.every).replace(/^1 (?=\w+$)/, '')}`
    return isScript ? `${every}, by the function that the script has given for it` : every
  }
  if (isScript) return 'as the script does by itself'
  return cadence === 'end' ? 'at the end' : 'every epoch, or at the end of a stream'
}
