/** What a worker makes of what the controller says. Pure. */
import type { Acked } from '../record/record.js'
import type { Command, Reject, ToController, ToPeer, Welcome } from '../wire/message.js'
import { beginAttempt, withPlan } from './plan-table.js'
import { differingParams } from './settings.js'
import type { WorkerState } from './state.js'

/** What a worker was started as. */
export interface WorkerIdentity {
  readonly run: string
  readonly params: Readonly<Record<string, unknown>>
  readonly incarnation: string
}

export type Effect =
  | { readonly type: 'send'; readonly message: ToController }
  /** Telemetry is to be sent again from what the controller has on. */
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
  const state = { ...before, heardMs: nowMs }
  switch (message.type) {
    case 'welcome':
      return onWelcome(state, message, identity)
    case 'reject':
      return { state: onReject(state, message), effects: [] }
    case 'plan': {
      const { leaseEpoch, planSeq, attempt } = message
      const taken = leaseEpoch === state.lease ? withPlan(state.plan, message) : undefined
      if (taken === undefined) return { state, effects: [] }
      const { table, effectiveFrom } = taken
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
      return { state, effects: [] }
    default:
      return message satisfies never
  }
}

function onWelcome(state: WorkerState, welcome: Welcome, identity: WorkerIdentity): Received {
  const objection = objectionTo(welcome, identity)
  if (objection !== undefined) return { state: { ...state, fault: objection }, effects: [] }
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

/** Why this worker cannot train what it was welcomed to. */
function objectionTo({ run, paramsJson }: Welcome, identity: WorkerIdentity): string | undefined {
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

/** A repeated command is answered again once it was answered, and done once only. */
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
