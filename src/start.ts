/** The composer: builds channel, worker and log of one run, and starts its controller. Nothing else constructs them. */
import { statSync } from 'node:fs'
import { startController, type Controller, type RunEnd } from './controller/controller.js'
import { beginningOf, withRecalled, type Origin } from './beginning.js'
import { nothingRecovered, recover, type Recovered } from './controller/recovery.js'
import { acceptance, type ControllerContext } from './controller/state.js'
import { AbsgdError } from './errors.js'
import { compileRun } from './experiment/compile.js'
import { compileEdit, requireInRange } from './experiment/edit.js'
import type { ResolvedExperiment } from './experiment/resolve.js'
import {
  readControllerFile,
  removeControllerFile,
  runPaths,
  workerOf,
  writeControllerFile,
  type ControllerFile,
} from './log/directory.js'
import { acquireLock } from './log/lock.js'
import { identityOf, isRunning } from './process-identity.js'
import { readNames, readStepEntries } from './log/entries.js'
import { readRun } from './log/reader.js'
import { readSpool, removeSpool } from './log/spool.js'
import type { Cut } from './log/repair.js'
import { unrecordedCheckpoints } from './log/whole-checkpoint.js'
import { openLogWriter, type LogWriter } from './log/writer.js'
import type { Manifest } from './record/manifest.js'
import type { Body, Evaluation, Position, StepBatch } from './record/record.js'
import { noiseRanking } from './record/noise.js'
import { emptySampleLosses, withSamples } from './record/samples.js'
import { DEFAULT_WEIGHTING } from './record/weighting.js'
import { simulationFor } from './simulate.js'
import { encodeRecord } from './wire/codec.js'
import { localEndpoints, removeSockets } from './wire/endpoints.js'
import type { ControllerChannel, Endpoints } from './wire/channel.js'
import { bindController } from './wire/zmq-channel.js'
import { awaitWorker } from './worker/attached.js'
import { startLocalWorker } from './worker/local.js'
import { lastLines, watchProcess, type ProcessHandle } from './worker/process.js'

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
 * @throws AbsgdError 'run-directory' when another controller drives the run, or when it is completed.
 */
export async function startRun(options: StartOptions): Promise<StartedRun> {
  const { dir, manifest } = options
  const { config } = manifest
  const lock = acquireLock(dir)
  const held: { close(): unknown }[] = [{ close: () => lock.release() }]
  try {
    const logged = await recoverLog(dir)
    if (logged.ended === 'completed') {
      throw new AbsgdError('run-directory', `the run "${manifest.run}" is completed`, {
        hint: 'start another one with "absgd run"',
      })
    }
    const before = readControllerFile(dir)
    const living = livingWorker(logged, before)
    if (before !== undefined && living === undefined) removeSockets(before.endpoints)
    // Whoever was told where to find the controller is to find the next one too.
    const told = config.attached === true ? before?.endpoints : undefined
    const endpoints = living?.endpoints ?? told ?? localEndpoints(manifest.run)
    const bound = await bindController(endpoints)
    const simulation = simulationFor(dir, manifest, bound)
    const known = living?.worker
    const onJoined = (pid: number) => {
      announce(dir, endpoints, pid)
    }
    const attached = config.attached === true ? awaitWorker({ channel: bound, known, onJoined }) : undefined
    const transport = simulation?.channel ?? attached?.channel ?? bound
    const channel = options.through?.(transport) ?? transport
    held.push(channel)
    const log = openLogWriter(dir)
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
      opening: [...opening, ...log.cuts.map((cut) => cutNote(cut, state.reported))],
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
      .then((end) => {
        // The log holds it all by now.
        removeSpool(dir)
        // Where the log could not be written it stays: it tells the next controller of a worker that trains on.
        removeControllerFile(dir)
        return end
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
    bootId: identityOf(process.pid).bootId,
    endpoints,
    startedAt: new Date().toISOString(),
    ...(workerPid === undefined ? {} : { workerPid, workerStart: identityOf(workerPid).processStart }),
  })
}

async function recoverLog(dir: string): Promise<Recovered> {
  let recovered = nothingRecovered()
  for await (const { name, body } of readStepEntries(dir)) recovered = recover(recovered, name, body)
  for await (const name of readNames(dir, 'samples')) recovered = recover(recovered, name, undefined)
  return recovered
}

/** Completes the log with what only the worker's spool has, so that neither a re-attached nor a new worker need send it. */
async function absorbSpool(
  dir: string,
  log: LogWriter,
  logged: Recovered,
  living: boolean,
): Promise<Recovered> {
  let recovered = logged
  for await (const { name, body, bytes } of readSpool(dir)) {
    const verdict = acceptance(recovered.state, name)
    // A living worker sends again what is missing; of one that is gone, this is all there is.
    const continues = verdict === 'next' || (verdict === 'stranger' && name.seq === 1)
    if (verdict === 'duplicate' || (living && !continues)) continue
    log.append(name.stream, bytes)
    recovered = recover(recovered, name, body)
  }
  await log.sync()
  return recovered
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

function cutNote({ file, offset, bytes, movedTo }: Cut, position: Position): Body {
  const text = `${bytes} bytes of ${file} could not be read from byte ${offset} on; they are in ${movedTo}`
  return { type: 'note', level: 'warning', text, position }
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
