/** The directory of a long run that nobody trained, written by the real writer: for reading, replaying and drawing. */
import { defineExperiment } from '../../src/index.js'
import { describeConfig } from '../../src/experiment/manifest-config.js'
import { resolveExperiment } from '../../src/experiment/resolve-experiment.js'
import { createRunDirectory } from '../../src/log/run-directory.js'
import { openLogWriter } from '../../src/log/files/log-writer.js'
import type { Manifest } from '../../src/record/manifest.js'
import { streamOf, type Body } from '../../src/record/record.js'
import { encodeRecord } from '../../src/wire/codec.js'
import {
  CONTROLLER,
  syntheticEvaluation,
  syntheticHello,
  syntheticInfo,
  syntheticPlan,
  syntheticSamples,
  syntheticSteps,
  WORKER,
  type SyntheticRun,
} from './synthetic.js'

export interface LongRunOptions {
  /** Runs root: exists. */
  readonly root: string
  readonly run: SyntheticRun
  /** Steps per report of the worker: 20 at 5 ms per step. */
  readonly stepsARecord: number
  /** Samples of every k-th step; 0 for none. */
  readonly sampleEvery: number
}

/** Writes a run record by record, in the order of a controller. */
export interface LongRun {
  readonly dir: string
  /** Appends the steps [first, first + count), and what comes with them. */
  report(first: number, count: number): void
  flush(): void
  /** Ends the run as completed. */
  complete(): Promise<void>
  /** Leaves the run as it is, as a controller that was killed does. */
  leave(): Promise<void>
}

/** Writes a whole run and returns its directory. */
export async function writeLongRun(options: LongRunOptions): Promise<string> {
  const { run, stepsARecord } = options
  const writer = beginLongRun(options)
  for (let first = 0; first < run.steps; first += stepsARecord) {
    writer.report(first, Math.min(stepsARecord, run.steps - first))
    if ((first / stepsARecord) % FLUSH_RECORDS === 0) writer.flush()
  }
  await writer.complete()
  return writer.dir
}

export function beginLongRun({ root, run, sampleEvery }: LongRunOptions): LongRun {
  const manifest = manifestOf(run)
  const dir = createRunDirectory(root, run.name, manifest)
  const log = openLogWriter(dir)
  const next = new Map<string, number>()
  const startMs = Date.now()

  function append(body: Body, step: number): void {
    const byWorker = BY_WORKER.has(body.type)
    const [origin, incarnation] = byWorker ? ['worker-0', WORKER] : ['controller', CONTROLLER]
    const stream = streamOf(body)
    const seq = (next.get(origin + stream) ?? 0) + 1
    next.set(origin + stream, seq)
    const timeMs = startMs + STEP_MS * step
    log.append(stream, encodeRecord({ origin: origin, incarnation: incarnation, seq, timeMs, body }))
  }

  append(
    {
      type: 'controller-started',
      version: manifest.version,
      pid: process.pid,
      manifestJson: JSON.stringify(manifest),
    },
    0,
  )
  append(
    { type: 'worker-joined', hello: syntheticHello(run), leaseEpoch: 1, attempt: 1, runSteps: run.steps },
    0,
  )
  append(
    {
      type: 'progress',
      leaseEpoch: 1,
      position: { attempt: 1, step: 0 },
      phase: 'training',
      waits: 0,
      waitedSeconds: 0,
    },
    0,
  )
  if (sampleEvery > 0) append(syntheticInfo(run), 0)

  function report(first: number, count: number): void {
    for (let step = first; step < first + count; step += 1) {
      if (step % PLAN_ROWS === 0) append(syntheticPlan(run, step, PLAN_ROWS), step)
      if (sampleEvery > 0 && step % sampleEvery === 0) append(syntheticSamples(run, step, 1), step)
    }
    append(syntheticSteps(run, first, count), first + count)
    const last = first + count - 1
    if (Math.floor((first + count) / run.stepsPerEpoch) > Math.floor(first / run.stepsPerEpoch))
      append(syntheticEvaluation(run, last), last)
  }

  return {
    dir,
    report,
    flush: () => {
      log.flush()
    },
    complete() {
      const position = { attempt: 1, step: run.steps }
      append(
        {
          type: 'run-ended',
          status: 'completed',
          reason: `all ${run.steps} steps trained`,
          detail: '',
          position,
        },
        run.steps,
      )
      return log.close()
    },
    leave: () => log.close(),
  }
}

function manifestOf(run: SyntheticRun): Manifest {
  const resolved = resolveExperiment(
    defineExperiment({
      name: run.name,
      worker: { task: 'task:build' },
      length: run.steps,
      controls: { lambda: -5 },
    }),
    {},
  )
  return {
    format: 1,
    run: run.name,
    experiment: run.name,
    createdAt: new Date().toISOString(),
    version: '0.1.0',
    params: {},
    config: describeConfig(resolved),
  }
}

const BY_WORKER = new Set(['step-batch', 'sample-batch', 'sample-info', 'evaluation'])
const STEP_MS = 5
const PLAN_ROWS = 4096
const FLUSH_RECORDS = 1000
