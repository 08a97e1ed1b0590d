/** Starts a run: opens its lock, log and channel, starts or finds its worker, and starts its controller. */
import { statSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { startController, type Controller, type RunEnd } from '../controller/controller.js'
import { summarizeSamples } from '../analysis/run-noise-auc.js'
import { placeInStream } from '../controller/state/received-telemetry.js'
import type { ControllerContext } from '../controller/state/state.js'
import { appendSpooled, cutNote, isEmpty, recoverLog, takeOverNote } from './recover-log.js'
import { livingWorker, startWorker, workerKind, type WorkerOptions } from './run-worker.js'
import { chooseStart, withRestoredFeedback, type Origin } from './starting-state.js'
import { AbsgdError } from '../errors.js'
import { compileRun } from '../experiment/run-schedule.js'
import { compileEdit, requireInRange } from '../experiment/controls/compile-edit.js'
import {
  readControllerFile,
  removeControllerFile,
  runPaths,
  writeControllerFile,
} from '../log/run-directory.js'
import { acquireLock } from '../log/lock/run-lock.js'
import { refuseLostLog } from '../log/lost-log.js'
import { here, identityOf } from '../process/identity.js'
import { readSpool, removeSpool } from '../log/files/worker-spool.js'
import { unrecordedCheckpoints } from '../log/checkpoints/whole-checkpoint.js'
import { openLogWriter } from '../log/files/log-writer.js'
import type { Evaluation, StepBatch } from '../record/record.js'
import { DEFAULT_WEIGHTING } from '../record/weighting-rule.js'
import { simulationFor } from './simulated-run.js'
import { encodeRecord } from '../wire/codec.js'
import { areOurs, localEndpoints, removeSockets } from '../wire/endpoints.js'
import type { ControllerChannel, Endpoints } from '../wire/channel.js'
import { bindController } from '../wire/zmq-channel.js'
import { awaitWorker } from '../worker/attached.js'
import { courierGone } from './courier-end.js'
import { lastLines, watchProcess } from '../process/child.js'

export interface StartOptions extends WorkerOptions {
  readonly onReport?: (body: StepBatch | Evaluation) => void
  /** The rows to plan instead of the experiment's own controls. */
  readonly rows?: ControllerContext['compile']
  /** Take the lock even if it cannot be told from here whether its holder is alive. @default false */
  readonly takeOver?: boolean
  /** Wraps the controller's end of the sockets. Tests use it to delay, count or drop messages. */
  readonly through?: (channel: ControllerChannel) => ControllerChannel
}

export interface StartedRun {
  readonly controller: Controller
  readonly origin: Origin
  readonly workerPid: number
  /** Resolves once the log is complete and the controller's own files are removed from the run directory. */
  readonly ended: Promise<RunEnd>
}

/**
 * Starts a run, or continues one that has a log. A worker that is still alive is kept; otherwise a new one starts from the last
 * checkpoint, or from the beginning if there is none.
 *
 * @throws AbsgdError 'run-directory' when another controller drives the run or may drive it elsewhere, or when it is completed,
 *   'log' when its log is missing or cannot be read.
 */
export async function startRun(options: StartOptions): Promise<StartedRun> {
  const { dir, manifest } = options
  const { config } = manifest
  const lock = acquireLock(dir, { takeOver: options.takeOver ?? false })
  const opened: { close(): unknown }[] = [{ close: () => lock.release() }]
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
    if (living === undefined && isEmpty(logged)) refuseLostLog(dir)
    const former = before !== undefined && areOurs(before.endpoints) ? before.endpoints : undefined
    if (former !== undefined && living === undefined) removeSockets(former)
    // A script to be attached may have been started with the endpoints of the controller before.
    const announced = config.attached === true ? former : undefined
    const endpoints = living?.endpoints ?? announced ?? localEndpoints(manifest.run)
    const bound = await bindController(endpoints)
    const simulation = simulationFor(dir, manifest, bound)
    const known = living?.worker
    const onJoined = (pid: number) => {
      if (lock.isHeld()) announce(dir, endpoints, pid)
    }
    const attached = config.attached === true ? awaitWorker({ channel: bound, known, onJoined }) : undefined
    const transport = simulation?.channel ?? attached?.channel ?? bound
    const channel = options.through?.(transport) ?? transport
    opened.push(channel)
    const log = openLogWriter(dir, () => lock.isHeld())
    opened.push(log)
    if (living === undefined) await courierGone(dir, options.python)
    const recovered = await appendSpooled(dir, log, logged, living !== undefined)
    const kind = workerKind(options)
    const run = { ...options, kind, isWorkerAlive: living !== undefined }
    const start = chooseStart(recovered, run)
    const { origin, opening } = start
    const state = await withRestoredFeedback(start, recovered, run)

    const paths = runPaths(dir)
    // A worker that was started early has printed into an empty file.
    const outputOffset = living === undefined && options.early === undefined ? sizeOf(paths.workerLog) : 0
    const simulated = simulation?.start()
    const worker =
      simulated ??
      attached?.worker ??
      (known === undefined ? startWorker(options, endpoints, onJoined) : watchProcess(known))
    // A simulated worker lives in this process, and an attached or forked one may not have come yet: none has a pid for the next
    // controller.
    announce(dir, endpoints, simulated === undefined && worker.pid > 0 ? worker.pid : undefined)
    const controller = startController({
      context: {
        run: manifest.run,
        paramsJson: JSON.stringify(manifest.params),
        worker: kind,
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
      // A script may load data for hours before its first step, and one that is started by hand may come at any time.
      ...(kind === 'task' ? {} : { helloLimitMs: Infinity }),
      lastLines: simulated?.lastLines ?? (() => lastLines(paths.workerLog, { offset: outputOffset })),
      courierGone: () => courierGone(dir, options.python),
      spooled: () => readSpool(dir),
      unrecorded: (known) => (kind === 'task' ? unrecordedCheckpoints(dir, known) : []),
      summary: () => summarizeSamples(dir),
      encode: encodeRecord,
      ...(options.onReport === undefined ? {} : { onReport: options.onReport }),
    })
    const ended = controller.ended
      .then(async (end) => {
        const { received } = controller.state()
        await removeSpool(dir, (name) => placeInStream({ received }, name) === 'duplicate')
        // If the log could not be written the file stays, so that the next controller finds the worker that trains on.
        if (lock.isHeld()) removeControllerFile(dir)
        return end
      })
      .catch((error: unknown) => {
        // Another controller has taken over the run, with a worker of its own. A script that the user started is never ended.
        if (!lock.isHeld() && config.attached !== true) worker.kill('SIGKILL')
        throw error
      })
      .finally(() => {
        lock.release()
      })
    return { controller, origin, workerPid: worker.pid, ended }
  } catch (error) {
    for (const resource of opened.reverse()) await resource.close()
    throw error
  }
}

/** Writes the file by which operators and the next controller find this one. */
function announce(dir: string, endpoints: Endpoints, workerPid: number | undefined): void {
  writeControllerFile(dir, {
    pid: process.pid,
    ...here(),
    endpoints,
    startedAt: new Date().toISOString(),
    ...(workerPid === undefined ? {} : { workerPid, workerStart: identityOf(workerPid).processStart }),
  })
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0
}

/** Wait before reading a run whose lock was taken over: its former holder checks the lock once a second, and stops writing by then. */
const TAKE_OVER_MS = 3000
