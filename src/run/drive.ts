/** Starts a prepared run in this process, and returns its handle. `launch` and the controller's own process use it. */
import { requireDone } from './request.js'
import { toAbsgdError } from '../errors.js'
import { editsOf } from '../experiment/controls/script-changes.js'
import { readRunSummary } from '../log/run-summary.js'
import type { PreparedRun } from './prepare.js'
import type { Action } from '../record/record.js'
import { createReportFeed } from './report-feed.js'
import type { Applied, Run } from '../experiment/run-handle.js'
import { onInterrupt } from '../process/interrupt.js'
import type { EarlyWorker } from '../worker/early-worker.js'
import { startRun } from './start.js'

export interface DriveOptions {
  /** Aborting it checkpoints and stops the run. */
  readonly signal?: AbortSignal
  /** Threads of torch in the worker. @default torch's own choice */
  readonly threads?: number
  /** Take the lock even if it cannot be told from here whether its holder is alive. @default false */
  readonly takeOver?: boolean
  /** Whether Ctrl-C and SIGTERM checkpoint and stop the run (the second one at once) instead of ending the process. @default true */
  readonly handleSignals?: boolean
  /** Python, started already for a new run. */
  readonly early?: EarlyWorker | undefined
  /** The folder of a fork server, which starts the worker where it can. */
  readonly forks?: string | undefined
}

/**
 * Starts the run, or continues one that has a log, and calls the experiment's `onReport` with every report.
 *
 * @throws AbsgdError 'run-directory' when another controller drives the run or may drive it elsewhere, or when it is completed.
 */
export async function driveRun(prepared: PreparedRun, options: DriveOptions = {}): Promise<Run> {
  const { dir, manifest, resolved } = prepared
  // Signals that arrive while the run starts are passed on once it has started.
  let interrupted = 0
  let interrupt = () => {
    interrupted += 1
  }
  const passOn = () => {
    interrupt()
  }
  const stopListening = options.handleSignals === false ? () => undefined : onInterrupt(passOn)
  options.signal?.addEventListener('abort', passOn, { once: true })
  const feed = createReportFeed(() => started.controller.state().lease?.hello.stepsPerEpoch ?? 0)
  const started = await startRun({
    dir,
    manifest,
    resolved,
    python: prepared.python,
    takeOver: options.takeOver ?? false,
    ...(options.threads === undefined ? {} : { threads: options.threads }),
    early: options.early,
    forks: options.forks,
    onReport: (body) => {
      feed.push(body)
    },
  }).catch((error: unknown) => {
    stopListening()
    throw error
  })
  const { controller } = started
  interrupt = () => {
    controller.interrupt()
  }
  for (; interrupted > 0; interrupted--) interrupt()

  const result = started.ended
    .finally(() => {
      stopListening()
      options.signal?.removeEventListener('abort', passOn)
      feed.end()
    })
    .then(() => readRunSummary(dir))
  // An unused result must not end the script with an unhandled rejection.
  result.catch(() => undefined)

  async function request(action: Action, why?: string): Promise<Applied> {
    const { step } = requireDone(await controller.request(action, 'script', why))
    return { appliedAt: step }
  }

  const run: Run = {
    name: manifest.run,
    dir,
    result,
    reports: (reportOptions) => feed.subscribe(reportOptions),
    pause: () => request({ type: 'pause' }),
    resume: () => request({ type: 'resume' }),
    step: (steps = 1) => request({ type: 'step-on', steps }),
    checkpoint: () => request({ type: 'checkpoint' }),
    restore: (step) => request({ type: 'restore', step, path: '', sha256: '', attempt: 0 }),
    evaluate: () => request({ type: 'evaluate' }),
    set: async (changes, setOptions = {}) => {
      const { checkpoint = false, why } = setOptions
      return request({ type: 'set', edits: editsOf(changes, setOptions), checkpoint }, why)
    },
    undo: ({ all = false } = {}) => request({ type: 'undo', ...(all ? { all: true } : {}) }),
    stop: ({ checkpoint = true } = {}) => request({ type: 'stop', checkpoint }),
    async [Symbol.asyncDispose]() {
      if (controller.state().stage !== 'ended')
        await controller.request({ type: 'stop', checkpoint: true }, 'script')
      await result
    },
  }
  const { onReport } = resolved
  if (onReport !== undefined) {
    const stop = feed.listen((report) => {
      // A failing listener must not end training, whether it throws or returns a promise that is rejected.
      const removeListener = (thrown: unknown) => {
        if (!stop()) return
        const { message } = toAbsgdError(thrown, 'experiment')
        controller.warn(`onReport failed at step ${report.step} and is not called any more: ${message}`)
      }
      try {
        Promise.resolve(onReport(report, run)).catch(removeListener)
      } catch (thrown) {
        removeListener(thrown)
      }
    })
  }
  return run
}
