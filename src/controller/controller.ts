/** The controller's loop: feeds what happens to `transition`, and carries out what follows. */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { nameOf, type RecordName } from '../record/record-id.js'
import type { Action, Body, CheckpointWritten, Evaluation, LogRecord, Position } from '../record/record.js'
import type { RequestResult, StepBatch } from '../record/record.js'
import { type AbsgdError, toAbsgdError } from '../errors.js'
import type { Entry } from '../log/files/named-entries.js'
import type { LogWriter } from '../log/files/log-writer.js'
import type { ControllerChannel, Incoming, PeerId } from '../wire/channel.js'
import type { ProcessHandle } from '../process/child.js'
import { strike, type BadFrames } from './bad-frames.js'
import {
  acceptance,
  type ControllerContext,
  type ControllerEvent,
  type ControllerState,
  type Effect,
  type End,
} from './state/state.js'
import { transition } from './decisions/transition.js'

export interface ControllerParts {
  readonly context: ControllerContext
  readonly initial: ControllerState
  /** Appended before anything else happens. */
  readonly opening: readonly Body[]
  readonly channel: ControllerChannel
  readonly log: LogWriter
  readonly worker: ProcessHandle
  /** How long a live worker may take until it says Hello; Infinity waits for ever. @default ten minutes */
  readonly helloLimitMs?: number
  /** What the worker printed last, for people. */
  readonly lastLines: () => string
  /** What the worker's spool holds beyond the log, once its process is gone. */
  readonly leftovers: () => AsyncIterable<Entry>
  /** Whole checkpoints in the run directory that are newer than all that the controller knows of. @default none */
  readonly unrecorded?: (known: ControllerState) => readonly CheckpointWritten[]
  /** Numbers to be computed from the whole log once training is over. */
  readonly summary: () => Promise<Readonly<Record<string, number>>>
  readonly encode: (record: LogRecord) => Uint8Array
  readonly onReport?: (body: StepBatch | Evaluation) => void
}

export interface RunEnd extends End {
  readonly position: Position
}

export interface Controller {
  /** Resolves when the run is over and its log complete; rejects when the log could not be written. */
  readonly ended: Promise<RunEnd>
  /** Resolves with the worker's answer, refusals included. */
  request(action: Action, by: string, why?: string): Promise<RequestResult>
  /** Once: checkpoint and stop. Twice: end the worker now. */
  interrupt(): void
  /** Puts something that people should know into the log. */
  warn(text: string): void
  state(): ControllerState
}

/** Drives one run until it ends. Time-outs: proto/README.md. */
export function startController(parts: ControllerParts): Controller {
  const { context, channel, log, worker } = parts
  const incarnation = randomUUID().replaceAll('-', '').slice(0, 16)
  const answers = new Map<string, (result: RequestResult) => void>()
  let state = parts.initial
  let seq = 0
  let finishing: Promise<void> | undefined
  let holeAskedMs = -Infinity
  let strikes: BadFrames = {}
  let workerGone = false
  let resolveEnded: (end: RunEnd) => void
  let rejectEnded: (error: AbsgdError) => void
  const ended = new Promise<RunEnd>((resolve, reject) => {
    resolveEnded = resolve
    rejectEnded = reject
  })

  function append(body: Body): void {
    seq += 1
    log.append('steps', parts.encode({ origin: 'controller', incarnation, seq, timeMs: Date.now(), body }))
  }

  function dispatch(event: ControllerEvent): void {
    if (state.stage === 'ended') return
    const { state: next, effects } = transition(state, event, context)
    state = next
    for (const effect of effects) carryOut(effect)
  }

  function carryOut(effect: Effect): void {
    switch (effect.type) {
      case 'append':
        return append(effect.body)
      case 'send':
        // Append first, act second: what the worker is told must be in the log whatever happens next.
        log.flush()
        return channel.send(effect.peer, effect.message)
      case 'answer':
        answers.get(effect.result.id)?.(effect.result)
        return void answers.delete(effect.result.id)
      case 'report':
        return parts.onReport?.(effect.body)
      case 'kill':
        return worker.kill(effect.signal)
      case 'finish':
        finishing ??= finish().catch((error: unknown) => {
          fail(error)
        })
        return
      default:
        return effect satisfies never
    }
  }

  /** @param body - Undefined where this version cannot read it. */
  function take(name: RecordName, body: Body | undefined, bytes: Uint8Array): boolean {
    const verdict = acceptance(state, name)
    if (verdict === 'next') accept(name, body, bytes)
    const peer = state.lease?.peer
    if (verdict === 'hole' && peer !== undefined && performance.now() - holeAskedMs > HOLE_RETRY_MS) {
      holeAskedMs = performance.now()
      const hint = `telemetry is missing before ${name.stream} ${name.seq}: say Hello and send it again`
      channel.send(peer, { type: 'reject', code: 'no-lease', hint })
    }
    return verdict === 'next'
  }

  function accept(name: RecordName, body: Body | undefined, bytes: Uint8Array): void {
    log.append(name.stream, bytes)
    dispatch({ type: 'telemetry', name, body, nowMs: performance.now() })
  }

  function onIncoming(incoming: Incoming): void {
    switch (incoming.type) {
      case 'control':
        return dispatch({
          type: 'message',
          peer: incoming.peer,
          message: incoming.message,
          nowMs: performance.now(),
        })
      case 'telemetry':
        return void take(nameOf(incoming.record), incoming.record.body, incoming.bytes)
      case 'unread':
        if (take(incoming.name, undefined, incoming.bytes) && incoming.reason !== undefined)
          onMalformed(undefined, incoming.reason)
        return
      case 'malformed':
        return onMalformed(incoming.peer, incoming.reason)
      default:
        return incoming satisfies never
    }
  }

  function onMalformed(peer: PeerId | undefined, reason: string): void {
    const verdict = strike(strikes, peer ?? 'telemetry', performance.now())
    strikes = verdict.strikes
    if (verdict.first) {
      append({
        type: 'note',
        level: 'warning',
        text: `a frame cannot be read: ${reason}`,
        position: state.reported,
      })
    }
    if (verdict.out && peer !== undefined) {
      channel.send(peer, {
        type: 'reject',
        code: 'malformed',
        hint: `too many bad frames; the last: ${reason}`,
      })
    }
  }

  async function receive(): Promise<void> {
    for await (const incoming of channel.incoming()) onIncoming(incoming)
  }

  async function sync(): Promise<void> {
    const { intake } = state
    await log.sync()
    dispatch({ type: 'durable', intake })
  }

  async function finish(): Promise<void> {
    const exit = await Promise.race([worker.exited, sleep(EXIT_GRACE_MS, undefined, { ref: false })])
    if (exit === undefined) worker.kill('SIGKILL')
    await worker.exited
    await absorb()
    await log.sync()
    const values = await parts.summary()
    if (Object.keys(values).length > 0) append({ type: 'summary', values })
    const end = state.end ?? { status: 'failed', reason: 'the run ended without a reason', detail: '' }
    append({ type: 'run-ended', ...end, position: state.reported })
    await log.sync()
    state = { ...state, stage: 'ended' }
    clearInterval(syncTimer)
    clearTimeout(helloTimer)
    await channel.close()
    await log.close()
    for (const settle of answers.values()) settle(refusal('the run has ended'))
    resolveEnded({ ...end, position: state.reported })
  }

  async function absorb(): Promise<void> {
    for await (const { name, body, bytes } of parts.leftovers()) {
      const verdict = acceptance(state, name)
      // Nobody is left to send again what the disk lost in between.
      if (verdict === 'next' || verdict === 'hole') accept(name, body, bytes)
    }
  }

  async function watchWorker(): Promise<void> {
    const exit = await worker.exited
    workerGone = true
    // What it sent last may still be on its way: the spool has it for certain.
    await absorb()
    for (const body of parts.unrecorded?.(state) ?? []) {
      append(body)
      dispatch({ type: 'checkpoint-found', body })
    }
    dispatch({
      type: 'worker-exited',
      exitCode: exit.exitCode,
      signal: exit.signal ?? '',
      lastLines: parts.lastLines(),
    })
  }

  function onHelloOverdue(seconds: number): void {
    if (state.leaseEpoch === 0 && !workerGone) dispatch({ type: 'hello-overdue', seconds })
  }

  function fail(error: unknown): void {
    clearInterval(syncTimer)
    clearTimeout(helloTimer)
    state = { ...state, stage: 'ended' }
    // Nothing more can be recorded; the worker keeps its spool and goes on to the end of its plan.
    void channel.close()
    rejectEnded(toAbsgdError(error, 'log'))
  }

  function refusal(message: string, id = ''): RequestResult {
    return { type: 'request-result', id, ok: false, step: state.reported.step, message }
  }

  for (const body of parts.opening) append(body)
  log.flush()
  let syncing = false
  const syncTimer = setInterval(() => {
    if (syncing || finishing !== undefined) return
    syncing = true
    sync()
      .catch((error: unknown) => {
        fail(error)
      })
      .finally(() => {
        syncing = false
      })
  }, SYNC_INTERVAL_MS)
  const { helloLimitMs = HELLO_LIMIT_MS } = parts
  const helloTimer =
    helloLimitMs === Infinity ? undefined : setTimeout(onHelloOverdue, helloLimitMs, helloLimitMs / 1000)
  receive().catch((error: unknown) => {
    fail(error)
  })
  watchWorker().catch((error: unknown) => {
    fail(error)
  })

  return {
    ended,
    state: () => state,
    warn: (text) => {
      append({ type: 'note', level: 'warning', text, position: state.reported })
    },
    interrupt: () => {
      dispatch({ type: 'interrupt', id: randomUUID(), nowMs: performance.now() })
    },
    request(action, by, why = '') {
      const id = randomUUID()
      if (state.stage === 'ended') return Promise.resolve(refusal('the run has ended', id))
      return new Promise((resolve) => {
        answers.set(id, resolve)
        const request = { type: 'request', id, by, why, action } as const
        dispatch({ type: 'request', request, nowMs: performance.now() })
      })
    },
  }
}

const SYNC_INTERVAL_MS = 1000
const HOLE_RETRY_MS = 1000
const HELLO_LIMIT_MS = 600_000
/** A worker that was released has nothing left to do but let go of its devices. */
const EXIT_GRACE_MS = 20_000
