/**
 * A worker without Python: it speaks the whole contract, and trains a toy instead of the experiment's task.
 *
 * What it does lies in `simulated/`, given a clock and a channel; here it comes to life, in turns that leave the event loop free.
 */
import { randomBytes } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { toAbsgdError } from '../errors.js'
import type { PeerChannel } from '../wire/channel.js'
import { encodeRecord } from '../wire/codec.js'
import { PROTOCOL } from '../wire/message.js'
import type { ProcessExit, ProcessHandle } from '../process/child.js'
import { CLASSES, makeData, SIMULATION } from './data.js'
import { decide } from './decisions.js'
import { createDeeds } from './deeds.js'
import { createLink } from './link.js'
import { sampleInfoOf } from './reports.js'
import { simulationOf } from './settings.js'
import { initialWorker, type Self } from './state.js'
import type { CheckpointStore, TelemetrySpool } from './store.js'
import { createTelemetry } from './telemetry.js'
import { createTrainer } from './trainer.js'
import { createWork } from './actions.js'

export interface SimulatedWorkerOptions {
  readonly run: string
  /** The run's parameters: `seed` and `noise` are followed. */
  readonly params: Readonly<Record<string, unknown>>
  readonly channel: PeerChannel
  readonly checkpoints: CheckpointStore
  readonly openSpool: (incarnation: string) => TelemetrySpool
  /** @default as fast as it goes */
  readonly stepsPerSecond?: number
}

/** It lives in this process, whose pid it has; a SIGKILL ends the worker alone. */
export interface SimulatedWorker extends ProcessHandle {
  /** Why it ended, where that is nobody's wish. */
  readonly lastLines: () => string
}

/** @throws AbsgdError 'experiment' for parameters that cannot be followed. */
export function startSimulatedWorker(options: SimulatedWorkerOptions): SimulatedWorker {
  const { channel } = options
  const self: Self = { state: initialWorker(clock()) }
  const incarnation = randomBytes(8).toString('hex')
  const spool = options.openSpool(incarnation)
  const { link, work } = assemble(options, self, incarnation, spool)
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
      link.take(message)
      wake()
    }
  }

  function breakDown(thrown: unknown): void {
    const { message } = toAbsgdError(thrown, 'protocol')
    self.state = { ...self.state, fault: `the channel to the controller broke: ${message}` }
    wake()
  }

  /** Until a message comes, or for `ms`. */
  async function rest(ms: number): Promise<void> {
    link.turn()
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
      const { state, deed } = decide(self.state, clock())
      self.state = state
      if (deed.type === 'exit') {
        lastLines = deed.words
        return deed.code
      }
      const earlyMs = deed.type === 'train' ? pace.earlyMs(clock()) : 0
      if (deed.type === 'stand') {
        // A controller may need what is not reported yet before it can give the next row.
        work.report({ fully: true })
        await rest(LOOK_MS)
      } else if (earlyMs > 0) {
        work.report({ fully: false })
        await rest(Math.min(earlyMs, LOOK_MS))
      } else {
        work.perform(deed)
        if (deed.type === 'train') pace.stepped(clock())
        if (clock() - turnMs < TURN_MS) continue
        work.report({ fully: false })
        link.turn()
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

  listen().catch(breakDown)
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
      else self.state = { ...self.state, terminated: true }
      wake()
    },
  }
}

function assemble(
  { run, params, channel, checkpoints }: SimulatedWorkerOptions,
  self: Self,
  incarnation: string,
  spool: TelemetrySpool,
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
  const deeds = createDeeds({ trainer, data, telemetry, checkpoints, clock })
  const link = createLink({
    self,
    identity: { run, params, incarnation },
    channel,
    telemetry,
    clock,
    begin({ attempt, weighting }) {
      trainer.weighBy(weighting)
      // What is known of the samples travels once per run.
      if (attempt === 1) telemetry.append(sampleInfoOf(data))
    },
    facts: {
      type: 'hello',
      protocolMajor: PROTOCOL.major,
      protocolMinor: PROTOCOL.minor,
      role: 'worker',
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
  return { link, work: createWork({ self, trainer, deeds, telemetry, link, clock }) }
}

/** Holds steps back to a number a second. Timers are late by a millisecond or two: so much is made up for, a pause is not. */
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
/** Telemetry that may wait for a controller: samples are dropped above it. */
const SPOOL_BYTES = 256 * 1024 * 1024
/** Steps are trained for this long before the event loop has its turn. */
const TURN_MS = 5
const LATE_MS = 20
/** How often a worker that stands still looks whether it was left alone. */
const LOOK_MS = 200
