/** Requests under way, and the answers to those that are settled. Pure. */
import type { Position, RequestResult } from '../../record/record.js'
import type { PeerId } from '../../wire/channel.js'
import type { ControllerState, Effect, Pending, Transition } from '../state/state.js'

/** Where the run stands, as far as the controller knows. */
export function standing(state: ControllerState): Position {
  const { lease, reported } = state
  if (lease === undefined) return state.reported
  const { position } = lease
  return reported.attempt === position.attempt && reported.step > position.step ? reported : position
}

export function withPending(state: ControllerState, pending: Pending): ControllerState {
  return { ...state, pending: { ...state.pending, [pending.request.id]: pending } }
}

/** Records what came of a request, and answers whoever asked. */
export function settle(
  state: ControllerState,
  { request, peer }: Pick<Pending, 'request' | 'peer'>,
  ok: boolean,
  message: string,
  step = standing(state).step,
): Transition {
  const result: RequestResult = { type: 'request-result', id: request.id, ok, step, message }
  const { [request.id]: _settled, ...pending } = state.pending
  return {
    state: { ...withAnswer(state, result), pending },
    effects: [{ type: 'append', body: { type: 'settled', result } }, answer(result, peer)],
  }
}

/** Kept for requests that are repeated. */
export function withAnswer(state: ControllerState, result: RequestResult): ControllerState {
  const kept = Object.entries(state.answers).slice(1 - ANSWERS_KEPT)
  return { ...state, answers: Object.fromEntries([...kept, [result.id, result]]) }
}

export function answer(result: RequestResult, peer: PeerId | undefined): Effect {
  return peer === undefined ? { type: 'answer', result } : { type: 'send', peer, message: result }
}

/** A peer repeats a request at once or not at all. */
const ANSWERS_KEPT = 100
