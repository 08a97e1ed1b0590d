/** A worker as a fork of a process that has imported torch, or started anew where that is impossible. */
import { appendFileSync } from 'node:fs'
import type { ProcessExit, ProcessHandle } from '../process/child.js'
import { forkProcess } from './fork-server.js'
import { startLocalWorker, workerProcess, type PythonOptions, type WorkerSettings } from './local.js'

export interface ForkedOptions extends PythonOptions, WorkerSettings {
  /** The folder of the fork server. */
  readonly forks: string
  /** Called when the worker has a process. */
  readonly onStarted: (pid: number) => void
}

/** The handle's pid is -1 until then. The log of the worker says why it was started anew. */
export function startForkedWorker(options: ForkedOptions): ProcessHandle {
  const cancelled = new AbortController()
  let worker: ProcessHandle | undefined
  let early: Parameters<ProcessHandle['kill']>[0] | undefined

  async function start(): Promise<ProcessExit> {
    try {
      worker = await forkProcess(options.forks, workerProcess(options), cancelled.signal)
    } catch (error) {
      if (early !== undefined) return { exitCode: undefined, signal: early }
      const reason = error instanceof Error ? error.message : String(error)
      appendFileSync(options.logFile, `absgd: Python is started anew: ${reason}\n`, { mode: 0o600 })
      worker = startLocalWorker(options)
    }
    if (early !== undefined) worker.kill(early)
    options.onStarted(worker.pid)
    return worker.exited
  }

  const exited = start()
  return {
    get pid() {
      return worker?.pid ?? -1
    },
    exited,
    kill(signal) {
      if (worker === undefined) {
        early = signal
        cancelled.abort()
      } else worker.kill(signal)
    },
  }
}
