/** What operators, scripts and signals ask for, and what comes of it. Pure. */
import type { Action, Request, RequestResult } from '../record/record.js'
import type { PeerId } from '../wire/channel.js'
import type { CommandResult } from '../wire/message.js'
import { extendPlans, withRewind } from './intake.js'
import { startPace } from './planning.js'
import type { ControllerState, Effect, Lease, Pending, Transition } from './state.js'

/** Idempotent by id: a repeated request is answered with the first answer, or joins the wait for it. */
export function onRequest(state: ControllerState, request: Request, peer: PeerId | undefined): Transition {
  const answered = state.answers[request.id]
  if (answered !== undefined) return { state, effects: [answer(answered, peer)] }
  const waiting = state.pending[request.id]
  if (waiting !== undefined) return { state: withPending(state, { ...waiting, peer }), effects: [] }

  const asked: Effect = { type: 'append', body: { type: 'requested', request, position: standing(state) } }
  const decision = decide(state, request.action)
  if (decision.type === 'refuse') {
    const { state: settled, effects } = settle(
      state,
      { request, peer, action: request.action },
      false,
      decision.why,
    )
    return { state: settled, effects: [asked, ...effects] }
  }
  const stopping = request.action.type === 'stop' ? (state.stopping ?? 'stopped') : state.stopping
  if (decision.type === 'end') {
    const ending = { ...state, stopping }
    const { state: settled, effects } = settle(
      ending,
      { request, peer, action: request.action },
      true,
      'ended',
    )
    return { state: settled, effects: [asked, ...effects, { type: 'kill', signal: 'SIGTERM' }] }
  }
  const { lease, action } = decision
  return {
    state: { ...withPending(state, { request, peer, action }), stopping },
    effects: [
      asked,
      {
        type: 'send',
        peer: lease.peer,
        message: { type: 'command', leaseEpoch: lease.epoch, id: request.id, action },
      },
    ],
  }
}

/** Ctrl-C or SIGTERM: once, checkpoint and stop; twice, end the worker now. */
export function interrupt(state: ControllerState, id: string): Transition {
  if (state.stopping === 'interrupted') return { state, effects: [{ type: 'kill', signal: 'SIGKILL' }] }
  const request: Request = {
    type: 'request',
    id,
    by: 'signal',
    why: '',
    action: { type: 'stop', checkpoint: true },
  }
  return onRequest({ ...state, stopping: 'interrupted' }, request, undefined)
}

export function onCommandResult(
  state: ControllerState,
  lease: Lease,
  result: CommandResult,
  nowMs: number,
): Transition {
  const pending = state.pending[result.id]
  if (pending === undefined) return { state, effects: [] }
  const { state: settled, effects } = settle(state, pending, result.ok, result.message, result.step)
  if (!result.ok || pending.action.type !== 'restore') return { state: settled, effects }

  const { attempt, step } = pending.action
  const position = { attempt, step }
  const rewound: ControllerState = {
    ...withRewind(settled, { attempt, toStep: step, cause: 'restore' }),
    lease: {
      ...lease,
      position,
      planning: { planSeq: state.planSeq, sentThrough: step },
      pace: startPace(nowMs, step),
    },
  }
  const { state: planned, effects: plans } = extendPlans(rewound, nowMs)
  const rewind: Effect = { type: 'append', body: { type: 'rewind', attempt, toStep: step, cause: 'restore' } }
  return { state: planned, effects: [rewind, ...effects, ...plans] }
}

/** Whoever still waits learns that nobody is left to answer. */
export function refuseAll(state: ControllerState, why: string): Transition {
  return Object.values(state.pending).reduce<Transition>(
    (before, pending) => {
      const { state: settled, effects } = settle(before.state, pending, false, why)
      return { state: settled, effects: [...before.effects, ...effects] }
    },
    { state, effects: [] },
  )
}

type Decision =
  | { readonly type: 'command'; readonly lease: Lease; readonly action: Action }
  | { readonly type: 'end' }
  | { readonly type: 'refuse'; readonly why: string }

function decide(state: ControllerState, action: Action): Decision {
  const { lease } = state
  if (state.stage === 'leaving' || lease?.bye !== undefined) {
    return { type: 'refuse', why: 'the run is ending' }
  }
  if (lease === undefined) {
    if (action.type === 'stop') return { type: 'end' }
    return { type: 'refuse', why: 'no worker has joined the run yet: ask again once it trains' }
  }
  if (action.type !== 'restore') return { type: 'command', lease, action }
  const checkpoint = state.checkpoints.findLast(({ position }) => position.step === action.step)
  if (checkpoint === undefined) {
    const steps = state.checkpoints.map(({ position }) => position.step)
    const there =
      steps.length === 0 ? 'there is none yet' : `there are checkpoints at steps ${steps.join(', ')}`
    return { type: 'refuse', why: `no checkpoint at step ${action.step}: ${there}` }
  }
  const { path, sha256 } = checkpoint
  return { type: 'command', lease, action: { ...action, path, sha256, attempt: state.attempt + 1 } }
}

function settle(
  state: ControllerState,
  { request, peer }: Pending,
  ok: boolean,
  message: string,
  step = standing(state).step,
): Transition {
  const result: RequestResult = { type: 'request-result', id: request.id, ok, step, message }
  const { [request.id]: _settled, ...pending } = state.pending
  return {
    state: { ...state, pending, answers: withAnswer(state.answers, result) },
    effects: [{ type: 'append', body: { type: 'settled', result } }, answer(result, peer)],
  }
}

function withAnswer(
  answers: ControllerState['answers'],
  result: RequestResult,
): Readonly<Record<string, RequestResult>> {
  const kept = Object.entries(answers).slice(1 - ANSWERS_KEPT)
  return Object.fromEntries([...kept, [result.id, result]])
}

function answer(result: RequestResult, peer: PeerId | undefined): Effect {
  return peer === undefined ? { type: 'answer', result } : { type: 'send', peer, message: result }
}

function withPending(state: ControllerState, pending: Pending): ControllerState {
  return { ...state, pending: { ...state.pending, [pending.request.id]: pending } }
}

function standing(state: ControllerState) {
  return state.lease?.position ?? state.reported
}

/** A peer repeats a request at once or not at all. */
const ANSWERS_KEPT = 100
