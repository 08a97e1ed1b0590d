/**
 * A worker without Python: it follows the whole contract, and trains a small model instead of the experiment's task.
 *
 * This file runs its loop, in short turns that leave time for the event loop.
 */
import { randomBytes } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { toAbsgdError } from '../errors.js'
import type { PeerChannel } from '../wire/channel.js'
import { encodeRecord } from '../wire/codec.js'
import { PROTOCOL } from '../wire/message.js'
import type { ProcessExit, ProcessHandle } from '../process/child.js'
import { createActionRunner } from './actions.js'
import { createBoundaryActions } from './boundary-actions.js'
import { CLASSES, makeData, SIMULATION, simulationOf } from './data.js'
import { decide } from './decisions.js'
import type { CheckpointStore } from './saved-state.js'
import { createSession } from './session.js'
import type { SpoolWriter } from './spool.js'
import { initialWorker, type StateHolder } from './state.js'
import { sampleInfoOf } from './step-records.js'
import { createTelemetry } from './telemetry.js'
import { createTrainer } from './trainer.js'

export interface SimulatedWorkerOptions {
  readonly run: string
  /** The run's parameters; only `seed` and `noise` have an effect. */
  readonly params: Readonly<Record<string, unknown>>
  readonly channel: PeerChannel
  readonly checkpoints: CheckpointStore
  readonly openSpool: (incarnation: string) => SpoolWriter
  /** @default as fast as it goes */
  readonly stepsPerSecond?: number
}

/** The worker runs in this process and has its pid. A SIGKILL ends the worker alone. */
export interface SimulatedWorker extends ProcessHandle {
  /** Why it ended, if that was not requested. */
  readonly lastLines: () => string
}

/** @throws AbsgdError 'experiment' for parameters that cannot be followed. */
export function startSimulatedWorker(options: SimulatedWorkerOptions): SimulatedWorker {
  const { channel } = options
  const holder: StateHolder = { state: initialWorker(clock()) }
  const incarnation = randomBytes(8).toString('hex')
  const spool = options.openSpool(incarnation)
  const { session, runner } = assemble(options, holder, incarnation, spool)
  let wake: () => void = () => undefined
  let lastLines = ''
  let killed = false
  let resolveExited: (exit: ProcessExit) => void
  const exited = new Promise<ProcessExit>((resolve) => {
    resolveExited = resolve
  })

  async function listen(): Promise<void> {
    for await (const message of channel.incoming()) {
      if (killed) return
      session.handle(message)
      wake()
    }
  }

  function onChannelError(thrown: unknown): void {
    const { message } = toAbsgdError(thrown, 'protocol')
    holder.state = { ...holder.state, fault: `the channel to the controller broke: ${message}` }
    wake()
  }

  /** Waits until a message comes, or for `ms`. */
  async function rest(ms: number): Promise<void> {
    session.send()
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>((resolve) => {
      wake = resolve
      timer = setTimeout(resolve, ms)
    })
    clearTimeout(timer)
  }

  async function live(): Promise<number> {
    const pace = createPace(options.stepsPerSecond)
    let turnMs = clock()
    while (!killed) {
      const { state, next } = decide(holder.state, clock())
      holder.state = state
      if (next.type === 'exit') {
        lastLines = next.message
        return next.code
      }
      const earlyMs = next.type === 'train' ? pace.earlyMs(clock()) : 0
      if (next.type === 'wait') {
        // The controller may need these reports before it can plan the next row.
        runner.report({ fully: true })
        await rest(CHECK_MS)
      } else if (earlyMs > 0) {
        runner.report({ fully: false })
        await rest(Math.min(earlyMs, CHECK_MS))
      } else {
        runner.perform(next)
        if (next.type === 'train') pace.stepped(clock())
        if (clock() - turnMs < TURN_MS) continue
        runner.report({ fully: false })
        session.send()
        await nextTurn()
      }
      turnMs = clock()
    }
    return 1
  }

  async function finish(exit: ProcessExit): Promise<void> {
    spool.close()
    await channel.close()
    resolveExited(exit)
  }

  listen().catch(onChannelError)
  live()
    .catch((thrown: unknown) => {
      lastLines = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)
      return 1
    })
    .then((exitCode) => finish(killed ? SIGKILLED : { exitCode, signal: undefined }))
    .catch((thrown: unknown) => {
      lastLines = String(thrown)
      resolveExited({ exitCode: 1, signal: undefined })
    })

  return {
    pid: process.pid,
    exited,
    lastLines: () => lastLines,
    kill(signal) {
      // The controller alone decides what Ctrl-C means.
      if (signal === 'SIGINT') return
      if (signal === 'SIGKILL') killed = true
      else holder.state = { ...holder.state, terminated: true }
      wake()
    },
  }
}

function assemble(
  { run, params, channel, checkpoints }: SimulatedWorkerOptions,
  holder: StateHolder,
  incarnation: string,
  spool: SpoolWriter,
) {
  const { seed, noise } = simulationOf(params)
  const data = makeData(seed, noise)
  const telemetry = createTelemetry({
    origin: NAME,
    incarnation,
    encode: encodeRecord,
    spool,
    label: Date.now,
    limitBytes: SPOOL_BYTES,
  })
  const trainer = createTrainer(data, seed)
  const boundary = createBoundaryActions({ trainer, data, telemetry, checkpoints, clock })
  const session = createSession({
    holder,
    identity: { run, params, incarnation },
    channel,
    telemetry,
    clock,
    begin({ attempt, weighting }) {
      trainer.setWeightingRule(weighting)
      // Sent once per run.
      if (attempt === 1) telemetry.append(sampleInfoOf(data))
    },
    facts: {
      type: 'hello',
      protocolMajor: PROTOCOL.major,
      protocolMinor: PROTOCOL.minor,
      run,
      peer: NAME,
      incarnation,
      pid: process.pid,
      stepsPerEpoch: Math.ceil(SIMULATION.samples / SIMULATION.batchSize),
      datasetSize: SIMULATION.samples,
      numClasses: CLASSES,
      versions: { node: process.versions.node },
      device: 'simulated',
      initial: { ...SIMULATION.optimizer, class_balance: 0 },
      batchSize: SIMULATION.batchSize,
    },
  })
  const runner = createActionRunner({ holder, trainer, boundary, telemetry, session, clock })
  return { session, runner }
}

/** Limits the steps per second. Short delays, as those of a late timer, are made up for; longer ones are not. */
function createPace(stepsPerSecond = Infinity) {
  const periodMs = 1000 / stepsPerSecond
  let dueMs = -Infinity
  return {
    earlyMs: (nowMs: number) => Math.max(0, dueMs - nowMs),
    stepped(nowMs: number) {
      dueMs = Math.max(dueMs, nowMs - LATE_MS) + periodMs
    },
  }
}

function clock(): number {
  return performance.now()
}

const NAME = 'worker-0'
const SIGKILLED: ProcessExit = { exitCode: undefined, signal: 'SIGKILL' }
/** Telemetry that may wait to be acknowledged. Samples are dropped above it. */
const SPOOL_BYTES = 256 * 1024 * 1024
/** Steps are trained for this long before control returns to the event loop. */
const TURN_MS = 5
const LATE_MS = 20
/** How often a waiting worker checks its time limits. */
const CHECK_MS = 200
