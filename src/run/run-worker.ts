/** The worker of a run: its kind, whether an earlier one is still alive, and how a new one is started. */
import type { Recovered } from '../controller/decisions/recovery.js'
import type { ControllerContext } from '../controller/state/state.js'
import { AbsgdError } from '../errors.js'
import type { ResolvedExperiment } from '../experiment/resolve-experiment.js'
import { runPaths, workerOf, type ControllerFile } from '../log/run-directory.js'
import type { ProcessHandle } from '../process/child.js'
import { isRunning, type ProcessIdentity } from '../process/identity.js'
import type { Manifest } from '../record/manifest.js'
import type { Endpoints } from '../wire/channel.js'
import type { EarlyWorker } from '../worker/early-worker.js'
import { startForkedWorker } from '../worker/forked-worker.js'
import { startLocalWorker, type WorkerSettings } from '../worker/local.js'

export interface WorkerOptions {
  /** The run directory, with its manifest. */
  readonly dir: string
  readonly manifest: Manifest
  readonly resolved: ResolvedExperiment
  /** The interpreter of a checked environment. Not used if the manifest says that the run is simulated. */
  readonly python?: string | undefined
  readonly threads?: number
  /** Python, started already for a new run. */
  readonly early?: EarlyWorker | undefined
  /** The folder of a fork server, which starts the worker where it can. */
  readonly forks?: string | undefined
}

/** A simulated worker restores checkpoints as a task does. */
export function workerKind({ manifest: { config }, resolved }: WorkerOptions): ControllerContext['worker'] {
  if (config.attached === true) return 'attached'
  return config.simulated === true || resolved.program.kind === 'task' ? 'task' : 'script'
}

export interface LivingWorker {
  readonly worker: ProcessIdentity
  /** The endpoints that it connects to. */
  readonly endpoints: Endpoints
}

/** The worker of the controller before, if its process is still running. @param file - That controller's file */
export function livingWorker(
  recovered: Recovered,
  file: ControllerFile | undefined,
): LivingWorker | undefined {
  const worker = file === undefined ? undefined : workerOf(file)
  if (file === undefined || worker === undefined || !isRunning(worker)) return undefined
  if (recovered.worker !== undefined && recovered.worker.pid !== worker.pid) return undefined
  return { worker, endpoints: file.endpoints }
}

/**
 * @param onStarted - Called when a worker without a pid, which is still to be forked, has one
 * @throws AbsgdError 'environment' if no interpreter is given
 */
export function startWorker(
  { python, dir, manifest, resolved, threads, early, forks }: WorkerOptions,
  endpoints: Endpoints,
  onStarted: (pid: number) => void,
): ProcessHandle {
  if (python === undefined) throw new AbsgdError('environment', 'no interpreter is given to train with')
  const settings: WorkerSettings = {
    endpoints,
    runDirectory: dir,
    program: resolved.program,
    paramsJson: JSON.stringify(manifest.params),
  }
  const begun = early?.begin(settings)
  if (begun !== undefined) return begun
  const options = {
    ...settings,
    python,
    ...(manifest.config.directory === undefined ? {} : { directory: manifest.config.directory }),
    logFile: runPaths(dir).workerLog,
    ...(threads === undefined ? {} : { threads }),
  }
  return forks === undefined ? startLocalWorker(options) : startForkedWorker({ ...options, forks, onStarted })
}
