/** A worker that is started before its settings are known, so that Python imports torch while the controller starts. */
import { spawnAwaitingInput, type ProcessHandle } from '../process/child.js'
import {
  pythonProcess,
  workerArguments,
  workerEnvironment,
  type PythonOptions,
  type WorkerSettings,
} from './local.js'

export interface EarlyWorker {
  /**
   * Sends the settings, with which the worker begins. Undefined if this process's environment variables or its directory have changed
   * since the start, by the experiment file: torch has read some of them already, so another worker must be started. This one ends.
   */
  begin(settings: WorkerSettings): ProcessHandle | undefined
  /** Ends it, if it waits. This process would not end before it. */
  cancel(): void
}

/** A served task, or a script under `absgd_worker.run`. */
export type EarlyKind = 'task' | 'script'

/** Starts Python for a task or for a script. It waits for its settings, and ends when this process ends without sending any. */
export function startEarlyWorker(kind: EarlyKind, options: PythonOptions): EarlyWorker {
  const before = inheritedText()
  const module = kind === 'task' ? 'absgd_worker.serve' : 'absgd_worker.run'
  const child = spawnAwaitingInput(pythonProcess(['-m', module], { [AWAIT_VARIABLE]: '1' }, options))
  return {
    begin(settings) {
      const [, its, ...args] = workerArguments(settings.program)
      if (its !== module || inheritedText() !== before) {
        child.endInput('')
        return undefined
      }
      child.endInput(`${JSON.stringify({ environment: workerEnvironment(settings), arguments: args })}\n`)
      return child
    },
    cancel: () => child.endInput(''),
  }
}

/** What a process inherits from this one. */
function inheritedText(): string {
  return JSON.stringify([process.cwd(), Object.entries(process.env).sort(([a], [b]) => (a < b ? -1 : 1))])
}

/** Read by `absgd_worker/link/await_settings.py`. */
const AWAIT_VARIABLE = 'ABSGD_AWAIT_SETTINGS'
