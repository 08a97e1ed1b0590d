/** Why a run failed, for programs: the task raised, its worker went, or it could not be run at all. */
import type { RunSnapshot } from './run-snapshot.js'

export type RunError =
  /** The task raised while it trained. */
  | {
      readonly type: 'task'
      /** One sentence, as in `RunSummary.reason`. */
      readonly message: string
      /** Of Python, without the frames of the worker itself. */
      readonly traceback: string
    }
  /** The worker process died, was killed, or never said Hello. */
  | {
      readonly type: 'worker'
      readonly message: string
      readonly exitCode: number | null
      /** Such as SIGKILL; null where no signal ended it. */
      readonly signal: string | null
      /** Of its stderr: the traceback, where the task could not be built. */
      readonly lastLines: string
    }
  /** What was planned cannot be run by this worker, or not be computed. */
  | { readonly type: 'run'; readonly message: string; readonly remedy: string }

/** Undefined unless the run failed. */
export function errorOf({ end, worker }: Pick<RunSnapshot, 'end' | 'worker'>): RunError | undefined {
  if (end?.status !== 'failed') return undefined
  const { reason: message, detail } = end
  const bye = worker.status === 'none' ? undefined : worker.bye
  if (bye?.reason === 'failed') return { type: 'task', message, traceback: bye.traceback }
  // Who was sent away has done nothing wrong: the reason has a remedy beside it then, and no last lines.
  if (worker.status !== 'left' || (detail !== '' && detail !== worker.lastLines))
    return { type: 'run', message, remedy: detail }
  const { exitCode, signal, lastLines } = worker
  return { type: 'worker', message, exitCode: exitCode ?? null, signal: signal || null, lastLines }
}
