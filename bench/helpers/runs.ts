/** Real runs for benchmarks: a worker process of its own, real sockets, real files; the controller in this process. */
import { z } from 'zod'
import { defineExperiment, launch, type ExperimentSpec } from '../../src/index.js'
import type { RunSummary } from '../../src/index.js'
import type { Settings } from '../figure.js'
import { pythonFile } from './python.js'

export interface BenchRun {
  readonly dir: string
  readonly summary: RunSummary
}

/** Trains a task of `bench/python` to its end; throws unless it completes. */
export async function trainToEnd(
  settings: Settings,
  task: string,
  params: Readonly<Record<string, number>>,
  spec: Partial<ExperimentSpec> & Pick<ExperimentSpec, 'length'>,
): Promise<BenchRun> {
  const experiment = defineExperiment({
    name: 'bench',
    worker: { task: `${pythonFile(task)}:build` },
    params: z.object(Object.fromEntries(Object.keys(params).map((name) => [name, z.number()]))),
    evaluate: 'end',
    checkpoint: 'end',
    ...spec,
  })
  const { python, folder } = settings
  const run = await launch(experiment, { params, python, runs: folder, threads: 1 })
  const summary = await run.result
  if (summary.status !== 'completed') throw new Error(`the run ended as ${summary.status}: ${summary.reason}`)
  return { dir: run.dir, summary }
}
