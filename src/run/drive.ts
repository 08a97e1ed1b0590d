/** Starts a prepared run in this process, and hands it over: what `launch` and the controller's own process share. */
import { requireDone } from './require-done.js'
import { toAbsgdError } from '../errors.js'
import { editsOf } from '../experiment/controls/script-changes.js'
import { readRunSummary } from '../log/run-summary.js'
import type { PreparedRun } from './prepare.js'
import type { Action } from '../record/record.js'
import { createReportFeed } from './report-feed.js'
import type { Applied, Run } from '../experiment/run-handle.js'
import { onInterrupt } from '../process/interrupt.js'
import { startRun } from './start.js'

export interface DriveOptions {
  /** Aborting it checkpoints and stops the run. */
  readonly signal?: AbortSignal
  /** Threads of torch in the worker. @default torch's own choice */
  readonly threads?: number
  /** Take the lock also of a holder that cannot be judged from here. @default false */
  readonly takeOver?: boolean
  /** Whether Ctrl-C and SIGTERM checkpoint and stop the run (twice: at once) instead of ending the process. @default true */
  readonly handleSignals?: boolean
}

/**
 * Starts the run, or takes up one that has a log, and calls the experiment's `onReport` with every report.
 *
 * @throws AbsgdError 'run-directory' when another controller drives the run or may drive it elsewhere, or when it is completed.
 */
export async function driveRun(prepared: PreparedRun, options: DriveOptions = {}): Promise<Run> {
  const { dir, manifest, resolved } = prepared
  // A signal that comes while the run starts is for the run as well.
  let interrupted = 0
  let interrupt = () => {
    interrupted += 1
  }
  const pass = () => {
    interrupt()
  }
  const stopListening = options.handleSignals === false ? () => undefined : onInterrupt(pass)
  options.signal?.addEventListener('abort', pass, { once: true })
  const feed = createReportFeed(() => started.controller.state().lease?.hello.stepsPerEpoch ?? 0)
  const started = await startRun({
    dir,
    manifest,
    resolved,
    python: prepared.python,
    takeOver: options.takeOver ?? false,
    ...(options.threads === undefined ? {} : { threads: options.threads }),
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
      options.signal?.removeEventListener('abort', pass)
      feed.end()
    })
    .then(() => readRunSummary(dir))
  // A script that never looks at the result must not die of it.
  result.catch(() => undefined)

  async function ask(action: Action, why?: string): Promise<Applied> {
    const { step } = requireDone(await controller.request(action, 'script', why))
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
    set: async (changes, setOptions = {}) => {
      const { checkpoint = false, why } = setOptions
      return ask({ type: 'set', edits: editsOf(changes, setOptions), checkpoint }, why)
    },
    undo: ({ all = false } = {}) => ask({ type: 'undo', ...(all ? { all: true } : {}) }),
    stop: ({ checkpoint = true } = {}) => ask({ type: 'stop', checkpoint }),
    async [Symbol.asyncDispose]() {
      if (controller.state().stage !== 'ended')
        await controller.request({ type: 'stop', checkpoint: true }, 'script')
      await result
    },
  }
  const { onReport } = resolved
  if (onReport !== undefined) {
    const stop = feed.listen((report) => {
      // Training never dies of who watches it, whether that throws or returns a promise that is rejected.
      const disown = (thrown: unknown) => {
        if (!stop()) return
        const { message } = toAbsgdError(thrown, 'experiment')
        controller.warn(`onReport failed at step ${report.step} and is not called any more: ${message}`)
      }
      try {
        Promise.resolve(onReport(report, run)).catch(disown)
      } catch (thrown) {
        disown(thrown)
      }
    })
  }
  return run
}
