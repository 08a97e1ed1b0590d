/** Runs driven from a script: the controller lives in the script's own process. */
import { AbsgdError } from './errors.js'
import type { Experiment } from './experiment/experiment.js'
import { requireDone } from './controller/controller.js'
import { readRunView } from './operator/view.js'
import { prepareRun, type PrepareOptions } from './prepare.js'
import type { Action } from './record/record.js'
import type { Report } from './record/report.js'
import type { RunSummary } from './record/summary.js'
import { createReportFeed, type ReportOptions } from './report-feed.js'
import { onInterrupt } from './signals.js'
import { startRun } from './start.js'

export interface LaunchOptions extends Omit<PrepareOptions, 'experiment' | 'experimentFile'> {
  /** Aborting it checkpoints and stops the run. */
  readonly signal?: AbortSignal
  /** Threads of torch in the worker. @default torch's own choice */
  readonly threads?: number
  /** Whether Ctrl-C and SIGTERM checkpoint and stop the run (twice: at once) instead of ending the script. @default true */
  readonly handleSignals?: boolean
}

/** Where in training a request took effect: that many steps were done. */
export interface Applied {
  readonly appliedAt: number
}

/** A run that this script drives. Leaving a loop over its reports never stops it. */
export interface Run {
  readonly name: string
  /** The run directory. */
  readonly dir: string
  /** Every report from the call on, one a step and one an evaluation. */
  reports(options?: ReportOptions): AsyncIterable<Report>
  pause(): Promise<Applied>
  resume(): Promise<Applied>
  /** Trains `steps` steps of a paused run. */
  step(steps?: number): Promise<Applied>
  checkpoint(): Promise<Applied>
  /** Returns to the last checkpoint that was written at `step`. */
  restore(step: number): Promise<Applied>
  evaluate(): Promise<Applied>
  /** Checkpoints, unless told otherwise, and ends the run. */
  stop(options?: { checkpoint?: boolean }): Promise<Applied>
  /** How the run ended: a failed run resolves too, with status "failed". Rejects when the log could not be written. */
  readonly result: Promise<RunSummary>
  /** Stops the run if it still trains, and waits for its end. */
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Starts a run of `experiment` under a controller in this process.
 *
 * @throws AbsgdError when the experiment, its parameters, the environment or the run's name do not hold; nothing is left behind then.
 */
export async function launch(experiment: Experiment, options: LaunchOptions = {}): Promise<Run> {
  if (options.signal?.aborted === true)
    throw new AbsgdError('usage', 'the signal was aborted before the run began')
  const prepared = await prepareRun({ ...options, experiment })
  const { dir, manifest, resolved } = prepared
  const feed = createReportFeed(() => started.controller.state().lease?.hello.stepsPerEpoch ?? 0)
  const started = await startRun({
    dir,
    manifest,
    resolved,
    python: prepared.python,
    ...(options.threads === undefined ? {} : { threads: options.threads }),
    onReport: (body) => {
      feed.push(body)
    },
  })
  const { controller } = started
  const interrupt = () => {
    controller.interrupt()
  }
  const stopListening = options.handleSignals === false ? () => undefined : onInterrupt(interrupt)
  options.signal?.addEventListener('abort', interrupt, { once: true })

  const result = started.ended
    .finally(() => {
      stopListening()
      options.signal?.removeEventListener('abort', interrupt)
      feed.end()
    })
    .then(async () => (await readRunView(dir)).summary)
  // A script that never looks at the result must not die of it.
  result.catch(() => undefined)

  async function ask(action: Action): Promise<Applied> {
    const { step } = requireDone(await controller.request(action, 'script'))
    return { appliedAt: step }
  }

  const run: Run = {
    name: manifest.run,
    dir,
    result,
    reports: (reportOptions) => feed.subscribe(reportOptions),
    pause: () => ask({ type: 'pause' }),
    resume: () => ask({ type: 'resume' }),
    step: (steps = 1) => ask({ type: 'step-on', steps }),
    checkpoint: () => ask({ type: 'checkpoint' }),
    restore: (step) => ask({ type: 'restore', step, path: '', sha256: '', attempt: 0 }),
    evaluate: () => ask({ type: 'evaluate' }),
    stop: ({ checkpoint = true } = {}) => ask({ type: 'stop', checkpoint }),
    async [Symbol.asyncDispose]() {
      if (controller.state().stage !== 'ended')
        await controller.request({ type: 'stop', checkpoint: true }, 'script')
      await result
    },
  }
  const { onReport } = resolved
  if (onReport !== undefined) {
    feed.listen((report) => {
      onReport(report, run)
    })
  }
  return run
}
