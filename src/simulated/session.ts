/** A worker's session with its controller. `receive` is pure; `createSession` sends, given a clock and a channel. */
import type { Acked, Hello, Phase } from '../record/record.js'
import type { PeerChannel } from '../wire/channel.js'
import type { Command, Reject, ToController, ToPeer, Welcome } from '../wire/message.js'
import { beginAttempt, plannedThrough, withPlan } from './plan-table.js'
import { progressOf, type StateHolder, type WorkerState } from './state.js'
import type { Telemetry } from './telemetry.js'

/** The run, parameters and incarnation with which the worker was started. */
export interface WorkerIdentity {
  readonly run: string
  readonly params: Readonly<Record<string, unknown>>
  readonly incarnation: string
}

export type Effect =
  | { readonly type: 'send'; readonly message: ToController }
  /** The worker holds a lease: it sends again all telemetry that the controller lacks. */
  | { readonly type: 'admitted'; readonly welcome: Welcome; readonly isFirst: boolean }
  | { readonly type: 'acknowledged'; readonly acked: Acked }

export interface Received {
  readonly state: WorkerState
  readonly effects: readonly Effect[]
}

export function receive(
  before: WorkerState,
  message: ToPeer,
  nowMs: number,
  identity: WorkerIdentity,
): Received {
  const state = { ...before, lastMessageMs: nowMs }
  switch (message.type) {
    case 'welcome':
      return onWelcome(state, message, identity)
    case 'reject':
      return { state: onReject(state, message), effects: [] }
    case 'plan': {
      const { leaseEpoch, planSeq, attempt } = message
      const added = leaseEpoch === state.lease ? withPlan(state.plan, message) : undefined
      if (added === undefined) return { state, effects: [] }
      const { table, effectiveFrom } = added
      const ack = { type: 'plan-ack', leaseEpoch, planSeq, attempt, effectiveFrom } as const
      return { state: { ...state, plan: table }, effects: [{ type: 'send', message: ack }] }
    }
    case 'command':
      return message.leaseEpoch === state.lease ? onCommand(state, message) : { state, effects: [] }
    case 'telemetry-ack':
      if (message.incarnation !== identity.incarnation) return { state, effects: [] }
      return { state, effects: [{ type: 'acknowledged', acked: message.acked }] }
    case 'released':
      return { state: { ...state, released: true }, effects: [] }
    case 'request-result':
    case 'operator-welcome':
      return { state, effects: [] }
    default:
      return message satisfies never
  }
}

function onWelcome(state: WorkerState, welcome: Welcome, identity: WorkerIdentity): Received {
  const problem = welcomeProblem(welcome, identity)
  if (problem !== undefined) return { state: { ...state, fault: problem }, effects: [] }
  const { leaseEpoch, attempt, runSteps } = welcome
  if (state.lease !== undefined && leaseEpoch <= state.lease) return { state, effects: [] }
  const first = state.welcome === undefined
  const admitted: WorkerState = { ...state, lease: leaseEpoch, welcome }
  const { leaving } = state
  return {
    state: first
      ? {
          ...admitted,
          position: { attempt, step: 0 },
          plan: { ...beginAttempt(state.plan, attempt, 0), runSteps },
          mustRestore: welcome.restorePath !== '',
        }
      : admitted,
    effects: [
      { type: 'admitted', welcome, isFirst: first },
      ...(leaving === undefined ? [] : [{ type: 'send', message: { ...leaving.bye, leaseEpoch } } as const]),
    ],
  }
}

/** Why this worker cannot train the run of the Welcome; undefined if it can. */
function welcomeProblem({ run, paramsJson }: Welcome, identity: WorkerIdentity): string | undefined {
  if (run !== identity.run) {
    return `the controller runs "${run}", this worker was started for "${identity.run}"`
  }
  const params = JSON.parse(paramsJson || '{}') as Readonly<Record<string, unknown>>
  const names = differingParams(identity.params, params)
  if (names.length === 0) return undefined
  return `the worker was started with other parameters than the controller's: ${names.join(', ')} differ`
}

function onReject(state: WorkerState, { code, hint }: Reject): WorkerState {
  if (code !== 'no-lease') return { ...state, fault: `the controller refuses this worker: ${hint}` }
  return state.released ? state : { ...state, lease: undefined }
}

/** A command is carried out once. If it is repeated after that, its answer is sent again. */
function onCommand(state: WorkerState, command: Command): Received {
  const { leaseEpoch, id } = command
  if (!Object.hasOwn(state.answers, id)) {
    const answers = { ...state.answers, [id]: undefined }
    return { state: { ...state, answers, inbox: [...state.inbox, command] }, effects: [] }
  }
  const answer = state.answers[id]
  if (answer === undefined) return { state, effects: [] }
  return {
    state,
    effects: [{ type: 'send', message: { type: 'command-result', leaseEpoch, id, ...answer } }],
  }
}

/** Names of the parameters that differ from those the worker was built with. */
function differingParams(
  own: Readonly<Record<string, unknown>>,
  other: Readonly<Record<string, unknown>>,
): readonly string[] {
  const names = new Set([...Object.keys(own), ...Object.keys(other)])
  return [...names].filter((name) => JSON.stringify(own[name]) !== JSON.stringify(other[name])).sort()
}

export interface Session {
  /** Handles a message of the controller. */
  handle(message: ToPeer): void
  carryOut(effects: readonly Effect[]): void
  /** Sends waiting telemetry, and a Hello or Progress message that is due. Called regularly. */
  send(): void
}

export interface SessionParts {
  readonly holder: StateHolder
  readonly identity: WorkerIdentity
  readonly channel: Pick<PeerChannel, 'send' | 'reportBytes'>
  readonly telemetry: Telemetry
  /** Monotonic milliseconds. */
  readonly clock: () => number
  /** The fields of the Hello that never change. */
  readonly facts: Omit<Hello, 'position' | 'plannedThrough'>
  /** Called with the first Welcome. */
  readonly begin: (welcome: Welcome) => void
}

export function createSession(parts: SessionParts): Session {
  const { holder, channel, telemetry, clock } = parts
  let helloDueMs = -Infinity
  let lastProgress: { readonly phase: Phase; readonly atMs: number } | undefined

  function carryOut(effects: readonly Effect[]): void {
    for (const effect of effects) {
      switch (effect.type) {
        case 'send':
          channel.send(effect.message)
          break
        case 'admitted':
          if (effect.isFirst) parts.begin(effect.welcome)
          telemetry.welcome(effect.welcome.acked, effect.welcome.sampleQuotaBytes)
          lastProgress = undefined
          break
        case 'acknowledged':
          telemetry.acknowledge(effect.acked)
          break
        default:
          effect satisfies never
      }
    }
  }

  return {
    carryOut,
    handle(message) {
      const { state, effects } = receive(holder.state, message, clock(), parts.identity)
      holder.state = state
      carryOut(effects)
    },
    send() {
      const { state } = holder
      const nowMs = clock()
      if (state.lease === undefined) {
        if (nowMs < helloDueMs) return
        helloDueMs = nowMs + HELLO_MS
        const { position, plan } = state
        channel.send({
          ...parts.facts,
          position,
          plannedThrough: plannedThrough(plan),
          forgotten: telemetry.forgotten(),
        })
        return
      }
      for (const frame of telemetry.unsent()) channel.reportBytes(frame)
      if (lastProgress?.phase === state.phase && nowMs - lastProgress.atMs < PROGRESS_MS) return
      lastProgress = { phase: state.phase, atMs: nowMs }
      channel.send(progressOf(state, state.lease))
    },
  }
}

const HELLO_MS = 2000
const PROGRESS_MS = 1000
