/** The controller's loop: passes events to `transition`, and carries out the effects that it returns. */
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
import { countBadFrame, type BadFrames } from './bad-frames.js'
import { placeInStream } from './state/received-telemetry.js'
import type { ControllerContext, ControllerEvent, ControllerState, Effect, End } from './state/state.js'
import { transition } from './decisions/transition.js'
import { startSyncLoop } from './sync-loop.js'

export interface ControllerParts {
  readonly context: ControllerContext
  readonly initial: ControllerState
  /** Appended before anything else happens. */
  readonly opening: readonly Body[]
  readonly channel: ControllerChannel
  readonly log: LogWriter
  readonly worker: ProcessHandle
  /** How long a live worker may take until it sends its Hello; Infinity for no limit. @default ten minutes */
  readonly helloLimitMs?: number
  /** The last lines that the worker printed. */
  readonly lastLines: () => string
  /** Resolves once the courier of a worker whose process is gone has left as well. @default at once */
  readonly courierGone?: () => Promise<void>
  /** The records in the spool of a worker whose process is gone. */
  readonly spooled: () => AsyncIterable<Entry>
  /** Whole checkpoints in the run directory that are newer than all known ones. @default none */
  readonly unrecorded?: (known: ControllerState) => readonly CheckpointWritten[]
  /** Computes numbers from the whole log once training is over. */
  readonly summary: () => Promise<Readonly<Record<string, number>>>
  readonly encode: (record: LogRecord) => Uint8Array
  readonly onReport?: (body: StepBatch | Evaluation) => void
}

export interface RunEnd extends End {
  readonly position: Position
}

export interface Controller {
  /** Resolves when the run is over and its log is complete; rejects when the log could not be written. */
  readonly ended: Promise<RunEnd>
  /** Resolves with the reply, refusals included. */
  request(action: Action, by: string, why?: string): Promise<RequestResult>
  /** The first call checkpoints and stops the run, the second one ends the worker at once. */
  interrupt(): void
  /** Records a warning in the log. */
  warn(text: string): void
  state(): ControllerState
}

/** Drives one run until it ends. Time-outs: proto/README.md. */
export function startController(parts: ControllerParts): Controller {
  const { context, channel, log, worker } = parts
  const incarnation = randomUUID().replaceAll('-', '').slice(0, 16)
  const waiting = new Map<string, (result: RequestResult) => void>()
  let state = parts.initial
  let seq = 0
  let finishing: Promise<void> | undefined
  let missingAskedMs = -Infinity
  let badFrames: BadFrames = {}
  let workerGone = false
  let leavingCourier: Promise<void> | undefined
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
        // Append first, act second: what is sent must be in the log, whatever happens next.
        log.flush()
        return channel.send(effect.peer, effect.message)
      case 'reply':
        waiting.get(effect.result.id)?.(effect.result)
        return void waiting.delete(effect.result.id)
      case 'report':
        return parts.onReport?.(effect.body)
      case 'kill':
        return worker.kill(effect.signal)
      case 'sync':
        return syncs.syncNow()
      case 'finish':
        syncs.stop()
        finishing ??= finish().catch((error: unknown) => {
          fail(error)
        })
        return
      default:
        return effect satisfies never
    }
  }

  /**
   * Appends a telemetry record if it is the next of its stream.
   *
   * @param body - Undefined if this version cannot read it
   * @returns whether it was appended
   */
  function receiveRecord(name: RecordName, body: Body | undefined, bytes: Uint8Array): boolean {
    const place = placeInStream(state, name)
    if (place === 'next') appendTelemetry(name, body, bytes)
    const peer = state.lease?.peer
    const mayAsk = performance.now() - missingAskedMs > ASK_AGAIN_MS
    if (place === 'behind-missing' && peer !== undefined && mayAsk) {
      missingAskedMs = performance.now()
      const hint = `telemetry is missing before ${name.stream} ${name.seq}: say Hello and send it again`
      channel.send(peer, { type: 'reject', code: 'no-lease', hint })
    }
    return place === 'next'
  }

  function appendTelemetry(name: RecordName, body: Body | undefined, bytes: Uint8Array): void {
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
        return void receiveRecord(nameOf(incoming.record), incoming.record.body, incoming.bytes)
      case 'unread':
        if (receiveRecord(incoming.name, undefined, incoming.bytes) && incoming.reason !== undefined)
          onMalformed(undefined, incoming.reason)
        return
      case 'malformed':
        return onMalformed(incoming.peer, incoming.reason)
      default:
        return incoming satisfies never
    }
  }

  function onMalformed(peer: PeerId | undefined, reason: string): void {
    const counted = countBadFrame(badFrames, peer ?? 'telemetry', performance.now())
    badFrames = counted.badFrames
    if (counted.isFirst) {
      append({
        type: 'note',
        level: 'warning',
        text: `a frame cannot be read: ${reason}`,
        position: state.reported,
      })
    }
    if (counted.isOverLimit && peer !== undefined) {
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
    const { received } = state
    await log.sync()
    dispatch({ type: 'durable', received })
  }

  async function finish(): Promise<void> {
    const exit = await Promise.race([worker.exited, sleep(EXIT_GRACE_MS, undefined, { ref: false })])
    if (exit === undefined) worker.kill('SIGKILL')
    await worker.exited
    await courierGone()
    await appendSpooled()
    await log.sync()
    const values = await parts.summary()
    if (Object.keys(values).length > 0) append({ type: 'summary', values })
    const end = state.end ?? { status: 'failed', reason: 'the run ended without a reason', detail: '' }
    append({ type: 'run-ended', ...end, position: state.reported })
    await log.sync()
    state = { ...state, stage: 'ended' }
    clearTimeout(helloTimer)
    await channel.close()
    await log.close()
    for (const resolve of waiting.values()) resolve(refusal('the run has ended'))
    resolveEnded({ ...end, position: state.reported })
  }

  async function appendSpooled(): Promise<void> {
    for await (const { name, body, bytes } of parts.spooled()) {
      const place = placeInStream(state, name)
      // Records that the disk lost cannot be sent again: the worker is gone.
      if (place === 'next' || place === 'behind-missing') appendTelemetry(name, body, bytes)
    }
  }

  /** Waits once for all who ask. */
  function courierGone(): Promise<void> {
    return (leavingCourier ??= parts.courierGone?.() ?? Promise.resolve())
  }

  async function watchWorker(): Promise<void> {
    const exit = await worker.exited
    workerGone = true
    // Its courier sends what is still in the memory that both have shared.
    await courierGone()
    // Its last records may still be on their way over the socket, but they are all in the spool.
    await appendSpooled()
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
    syncs.stop()
    clearTimeout(helloTimer)
    state = { ...state, stage: 'ended' }
    // Nothing more can be recorded. The worker keeps its spool, and trains to the end of its plan.
    void channel.close()
    rejectEnded(toAbsgdError(error, 'log'))
  }

  function refusal(message: string, id = ''): RequestResult {
    return { type: 'request-result', id, ok: false, step: state.reported.step, message }
  }

  for (const body of parts.opening) append(body)
  log.flush()
  const syncs = startSyncLoop(sync, fail)
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
        waiting.set(id, resolve)
        const request = { type: 'request', id, by, why, action } as const
        dispatch({ type: 'request', request, nowMs: performance.now() })
      })
    },
  }
}

/** Missing telemetry is asked for at most once in this time. */
const ASK_AGAIN_MS = 1000
const HELLO_LIMIT_MS = 600_000
/** A released worker only has to free its devices. */
const EXIT_GRACE_MS = 20_000
