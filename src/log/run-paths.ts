/** The paths of the files in a run directory. */
import { join } from 'node:path'

/** The files of a run; `steps` and `samples` are its logs. */
export interface RunPaths {
  readonly manifest: string
  /** Address of the controller; exists while one drives the run. */
  readonly controller: string
  readonly lock: string
  readonly steps: string
  readonly samples: string
  /** Directory of the worker's spool: records that the logs may still lack. */
  readonly spool: string
  /** Directory. */
  readonly checkpoints: string
  /** Output of the worker. */
  readonly workerLog: string
  /** Output of the controller, if it runs in a process of its own. */
  readonly controllerLog: string
  /** Output of the process that mirrors the run. */
  readonly mirrorLog: string
}

/** Whether a run may have this name: it stays below the runs root, and needs no quotes in a shell. */
export function isRunName(name: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name)
}

export function runPaths(dir: string): RunPaths {
  return {
    manifest: join(dir, 'manifest.json'),
    controller: join(dir, 'controller.json'),
    lock: join(dir, 'lock'),
    steps: join(dir, 'steps.log'),
    samples: join(dir, 'samples.log'),
    spool: join(dir, 'spool'),
    checkpoints: join(dir, 'checkpoints'),
    workerLog: join(dir, 'worker.log'),
    controllerLog: join(dir, 'controller.log'),
    mirrorLog: join(dir, 'mirror.log'),
  }
}
