/** The composer: builds channel, worker and log of one run, and starts its controller. Nothing else constructs them. */
import { statSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { startController, type Controller, type RunEnd } from '../controller/controller.js'
import { beginningOf, withRecalled, type Origin } from './first-step.js'
import type { Recovered } from '../controller/decisions/recovery.js'
import { acceptance, type ControllerContext } from '../controller/state/state.js'
import { AbsgdError } from '../errors.js'
import { compileRun } from '../experiment/run-schedule.js'
import { compileEdit, requireInRange } from '../experiment/controls/compile-edit.js'
import type { ResolvedExperiment } from '../experiment/resolve-experiment.js'
import {
  readControllerFile,
  removeControllerFile,
  runPaths,
  workerOf,
  writeControllerFile,
  type ControllerFile,
} from '../log/run-directory.js'
import { acquireLock } from '../log/lock/run-lock.js'
import { refuseLostLog } from '../log/lost-log.js'
import { here, identityOf, isRunning } from '../process/identity.js'
import { readRun } from '../log/read-run.js'
import { readSpool, removeSpool } from '../log/files/worker-spool.js'
import { unrecordedCheckpoints } from '../log/checkpoints/whole-checkpoint.js'
import { openLogWriter } from '../log/files/log-writer.js'
import type { Manifest } from '../record/manifest.js'
import type { Evaluation, StepBatch } from '../record/record.js'
import { noiseRanking } from '../samples/label-noise.js'
import { emptySampleLosses, withSamples } from '../samples/sample-losses.js'
import { DEFAULT_WEIGHTING } from '../record/weighting-rule.js'
import { simulationFor } from './simulated-run.js'
import { absorbSpool, cutNote, holdsNothing, recoverLog, takeOverNote } from './take-up.js'
import { encodeRecord } from '../wire/codec.js'
import { areOurs, localEndpoints, removeSockets } from '../wire/endpoints.js'
import type { ControllerChannel, Endpoints } from '../wire/channel.js'
import { bindController } from '../wire/zmq-channel.js'
import { awaitWorker } from '../worker/attached.js'
import { startLocalWorker } from '../worker/local.js'
import { lastLines, watchProcess, type ProcessHandle } from '../process/child.js'

export interface StartOptions {
  /** The run directory; its manifest is written. */
  readonly dir: string
  readonly manifest: Manifest
  readonly resolved: ResolvedExperiment
  /** The interpreter of a checked environment; not used where the manifest says that the run is simulated. */
  readonly python?: string | undefined
  readonly threads?: number
  readonly onReport?: (body: StepBatch | Evaluation) => void
  /** What is planned in place of the experiment's controls, to its very rows. */
  readonly rows?: ControllerContext['compile']
  /** Take the lock also of a holder that cannot be judged from here. @default false */
  readonly takeOver?: boolean
  /** Wraps the controller's end of the sockets: to slow down, count or lose what passes. */
  readonly through?: (channel: ControllerChannel) => ControllerChannel
}

export interface StartedRun {
  readonly controller: Controller
  readonly origin: Origin
  readonly workerPid: number
  /** Resolves once the log is complete and nothing of the controller is left in the run directory. */
  readonly ended: Promise<RunEnd>
}

/**
 * Starts a run, or takes up one that has a log: its worker is joined where it still lives, else a new one starts from the
 * last checkpoint, or from the beginning where there is none.
 *
 * @throws AbsgdError 'run-directory' when another controller drives the run or may drive it elsewhere, or when it is completed,
 *   'log' when its log is gone or is none.
 */
export async function startRun(options: StartOptions): Promise<StartedRun> {
  const { dir, manifest } = options
  const { config } = manifest
  const lock = acquireLock(dir, { takeOver: options.takeOver ?? false })
  const held: { close(): unknown }[] = [{ close: () => lock.release() }]
  try {
    if (lock.takenFrom !== undefined) await sleep(TAKE_OVER_MS)
    const logged = await recoverLog(dir)
    if (logged.ended === 'completed') {
      throw new AbsgdError('run-directory', `the run "${manifest.run}" is completed`, {
        hint: 'start another one with "absgd run"',
      })
    }
    const before = readControllerFile(dir)
    const living = livingWorker(logged, before)
    if (living === undefined && holdsNothing(logged)) refuseLostLog(dir)
    const former = before !== undefined && areOurs(before.endpoints) ? before.endpoints : undefined
    if (former !== undefined && living === undefined) removeSockets(former)
    // Whoever was told where to find the controller is to find the next one too.
    const told = config.attached === true ? former : undefined
    const endpoints = living?.endpoints ?? told ?? localEndpoints(manifest.run)
    const bound = await bindController(endpoints)
    const simulation = simulationFor(dir, manifest, bound)
    const known = living?.worker
    const onJoined = (pid: number) => {
      if (lock.isHeld()) announce(dir, endpoints, pid)
    }
    const attached = config.attached === true ? awaitWorker({ channel: bound, known, onJoined }) : undefined
    const transport = simulation?.channel ?? attached?.channel ?? bound
    const channel = options.through?.(transport) ?? transport
    held.push(channel)
    const log = openLogWriter(dir, () => lock.isHeld())
    held.push(log)
    const recovered = await absorbSpool(dir, log, logged, living !== undefined)
    const taken = { ...options, kind: workerKind(options), living: living !== undefined }
    const { state: begun, origin, opening, found } = beginningOf(recovered, taken)
    const state = await withRecalled(begun, recovered, taken, found)

    const paths = runPaths(dir)
    const outputOffset = living === undefined ? sizeOf(paths.workerLog) : 0
    const simulated = simulation?.start()
    const worker =
      simulated ??
      attached?.worker ??
      (known === undefined ? startWorker(options, endpoints) : watchProcess(known))
    // A simulated worker goes with its controller: there is no process to find again. An attached one may be still to come.
    announce(dir, endpoints, simulated === undefined && worker.pid > 0 ? worker.pid : undefined)
    const controller = startController({
      context: {
        run: manifest.run,
        paramsJson: JSON.stringify(manifest.params),
        worker: workerKind(options),
        sampleEvery: config.sampleEvery,
        sampleQuotaLeft: () => Math.max(0, config.sampleQuotaBytes - sizeOf(paths.samples)),
        orphanLimitSeconds: config.orphanLimitSeconds,
        keepCheckpoints: config.keepCheckpoints,
        weighting: config.weighting ?? DEFAULT_WEIGHTING,
        guard: options.resolved.guard,
        compile: options.rows ?? ((facts) => compileRun(options.resolved, facts)),
        compileEdit,
        requireInRange,
      },
      initial: state,
      opening: [
        ...opening,
        ...(lock.takenFrom === undefined ? [] : [takeOverNote(lock.takenFrom, state.reported)]),
        ...log.cuts.map((cut) => cutNote(cut, state.reported)),
      ],
      channel,
      log,
      worker,
      // A script may load its data for hours before its first step, and nobody knows when one is started by hand.
      ...(workerKind(options) === 'task' ? {} : { helloLimitMs: Infinity }),
      lastLines: simulated?.lastLines ?? (() => lastLines(paths.workerLog, { offset: outputOffset })),
      leftovers: () => readSpool(dir),
      unrecorded: (known) => (workerKind(options) === 'task' ? unrecordedCheckpoints(dir, known) : []),
      summary: () => summarizeSamples(dir),
      encode: encodeRecord,
      ...(options.onReport === undefined ? {} : { onReport: options.onReport }),
    })
    const ended = controller.ended
      .then(async (end) => {
        const { intake } = controller.state()
        await removeSpool(dir, (name) => acceptance({ intake }, name) === 'duplicate')
        // Where the log could not be written it stays: it tells the next controller of a worker that trains on.
        if (lock.isHeld()) removeControllerFile(dir)
        return end
      })
      .catch((error: unknown) => {
        // The worker of the controller that took over trains in its place. A script of the user's is never ended.
        if (!lock.isHeld() && config.attached !== true) worker.kill('SIGKILL')
        throw error
      })
      .finally(() => {
        lock.release()
      })
    return { controller, origin, workerPid: worker.pid, ended }
  } catch (error) {
    for (const resource of held.reverse()) await resource.close()
    throw error
  }
}

/** What is simulated returns to checkpoints as a task does. */
function workerKind({ manifest: { config }, resolved }: StartOptions): ControllerContext['worker'] {
  if (config.attached === true) return 'attached'
  return config.simulated === true || resolved.program.kind === 'task' ? 'task' : 'script'
}

/** Tells other processes, and the next controller, where this one is to be found. */
function announce(dir: string, endpoints: Endpoints, workerPid: number | undefined): void {
  writeControllerFile(dir, {
    pid: process.pid,
    ...here(),
    endpoints,
    startedAt: new Date().toISOString(),
    ...(workerPid === undefined ? {} : { workerPid, workerStart: identityOf(workerPid).processStart }),
  })
}

/** How well the mean loss of a sample finds wrong labels, where an experiment knows which are wrong. */
async function summarizeSamples(dir: string): Promise<Readonly<Record<string, number>>> {
  if (!(await knowsTrueLabels(dir))) return {}
  let losses = emptySampleLosses()
  for await (const record of readRun(dir)) losses = withSamples(losses, record)
  const ranking = noiseRanking(losses)
  return ranking === undefined ? {} : { noise_auc: ranking.auc }
}

/** Samples are described before the first of them is reported: a look at the beginning saves reading gigabytes. */
async function knowsTrueLabels(dir: string): Promise<boolean> {
  for await (const { body } of readRun(dir, { streams: ['samples'] })) {
    if (body.type === 'sample-info' && body.trueLabels.length > 0) return true
    if (body.type === 'sample-batch') return false
  }
  return false
}

function livingWorker(recovered: Recovered, file: ControllerFile | undefined) {
  const worker = file === undefined ? undefined : workerOf(file)
  if (file === undefined || worker === undefined || !isRunning(worker)) return undefined
  if (recovered.worker !== undefined && recovered.worker.pid !== worker.pid) return undefined
  return { worker, endpoints: file.endpoints }
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0
}

function startWorker(
  { python, dir, manifest, resolved, threads }: StartOptions,
  endpoints: Endpoints,
): ProcessHandle {
  if (python === undefined) throw new AbsgdError('environment', 'no interpreter is given to train with')
  return startLocalWorker({
    python,
    endpoints,
    runDirectory: dir,
    program: resolved.program,
    ...(manifest.config.directory === undefined ? {} : { directory: manifest.config.directory }),
    paramsJson: JSON.stringify(manifest.params),
    logFile: runPaths(dir).workerLog,
    ...(threads === undefined ? {} : { threads }),
  })
}

/** Before a run that was taken over is read: the former holder asks for its lock once a second, and stops writing by then. */
const TAKE_OVER_MS = 3000
