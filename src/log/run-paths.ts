import { join } from 'node:path'

/** The files of a run; `steps` and `samples` are its logs. */
export interface RunPaths {
  readonly manifest: string
  /** Exists while a controller drives the run. */
  readonly controller: string
  readonly lock: string
  readonly steps: string
  readonly samples: string
  /** Directory: what the worker has written and the logs may lack. */
  readonly spool: string
  /** Directory. */
  readonly checkpoints: string
  /** What the worker prints. */
  readonly workerLog: string
  /** What the controller prints when it runs in a process of its own. */
  readonly controllerLog: string
}

/** Whether a run may have this name: none leaves the runs root or troubles a shell. */
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
  }
}
