/** The controller of a run, in a process of its own. */
import { statSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { AbsgdError } from '../errors.js'
import { readControllerFile, removeUnused, runPaths } from '../log/run-directory.js'
import type { Manifest } from '../record/manifest.js'
import { lastLines, spawnDetached, type ProcessExit, type ProcessHandle } from '../process/child.js'
import { MAIN } from './main-file.js'
import type { EarlyKind } from '../worker/early-worker.js'

export interface ControllerOptions {
  readonly dir: string
  /** Path of the interpreter; undefined for simulated runs. */
  readonly python: string | undefined
  readonly threads?: number
  /** Take the lock even if it belongs to a process on another machine or in a container. @default false */
  readonly takeOver?: boolean
  /** For a new run: the kind of its worker, which is started before the experiment is loaded. */
  readonly early?: EarlyKind | undefined
  /** For one of several runs: the folder of the fork server, which starts the worker where it can. */
  readonly forks?: string | undefined
}

/** The kind of the worker of a run that Python trains. Only a script has a directory. */
export function earlyKindOf({ config }: Manifest): EarlyKind {
  return config.directory === undefined ? 'task' : 'script'
}

export interface ControllerProcess extends ProcessHandle {
  /** The last lines that it has written to controller.log. */
  lastOutput(): string
}

/**
 * Starts the controller of the run in `dir`, and waits until it holds the lock and has opened the log.
 *
 * @throws AbsgdError with the controller's last output if it ends before that. The run directory is removed then, if this process
 *   made it and nothing was recorded in it.
 */
export async function startControllerProcess(options: ControllerOptions): Promise<ControllerProcess> {
  const { dir, python, threads, takeOver = false, early, forks } = options
  const { controllerLog } = runPaths(dir)
  const offset = statSync(controllerLog, { throwIfNoEntry: false })?.size ?? 0
  const lastOutput = () => lastLines(controllerLog, { offset }).replace(/^absgd: /, '')
  const controller = spawnDetached({
    command: process.execPath,
    args: [
      MAIN,
      '__control',
      dir,
      ...(python === undefined ? [] : ['--python', python]),
      ...(threads === undefined ? [] : ['--threads', String(threads)]),
      ...(takeOver ? ['--take-over'] : []),
      ...(python === undefined || early === undefined ? [] : ['--early', early]),
      ...(python === undefined || forks === undefined ? [] : ['--forks', forks]),
    ],
    environment: {},
    outputFile: controllerLog,
  })
  let exit: ProcessExit | undefined
  void controller.exited.then((how) => (exit = how))
  while (readControllerFile(dir)?.pid !== controller.pid) {
    // A short run may have ended before the first check.
    if (exit?.exitCode === 0) break
    if (exit !== undefined) {
      const problem = lastOutput() || 'the controller ended before it began'
      removeUnused(dir)
      throw new AbsgdError('run-directory', problem)
    }
    await sleep(START_POLL_MS)
  }
  return { ...controller, lastOutput }
}

const START_POLL_MS = 25
