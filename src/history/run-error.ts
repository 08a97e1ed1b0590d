/** The error of a failed run, for programs: the task raised, the worker ended, or the run could not be planned. */
import type { RunSnapshot } from './run-snapshot.js'

export type RunError =
  /** The task raised while it trained. */
  | {
      readonly type: 'task'
      /** One sentence, as in `RunSummary.reason`. */
      readonly message: string
      /** Python traceback, without the frames of the worker itself. */
      readonly traceback: string
    }
  /** The worker process died, was killed, or never sent Hello. */
  | {
      readonly type: 'worker'
      readonly message: string
      readonly exitCode: number | null
      /** Such as SIGKILL; null if no signal ended the process. */
      readonly signal: string | null
      /** Last lines of its stderr: the traceback, if the task could not be built. */
      readonly lastLines: string
    }
  /** The plan cannot be run by this worker, or cannot be computed. */
  | { readonly type: 'run'; readonly message: string; readonly remedy: string }

/** Undefined unless the run failed. */
export function errorOf({ end, worker }: Pick<RunSnapshot, 'end' | 'worker'>): RunError | undefined {
  if (end?.status !== 'failed') return undefined
  const { reason: message, detail } = end
  const bye = worker.status === 'none' ? undefined : worker.bye
  if (bye?.reason === 'failed') return { type: 'task', message, traceback: bye.traceback }
  // A rejected worker did not fail: `detail` is the remedy then, and there are no last lines.
  if (worker.status !== 'left' || (detail !== '' && detail !== worker.lastLines))
    return { type: 'run', message, remedy: detail }
  const { exitCode, signal, lastLines } = worker
  return { type: 'worker', message, exitCode: exitCode ?? null, signal: signal || null, lastLines }
}
