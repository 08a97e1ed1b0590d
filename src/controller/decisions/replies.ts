/** Open requests, and replies to those that are settled. Pure. */
import type { Position, RequestResult } from '../../record/record.js'
import type { PeerId } from '../../wire/channel.js'
import type { ControllerState, Effect, Pending, Transition } from '../state/state.js'

/** The latest position that the controller knows: the worker's own message, or a report that is further on. */
export function currentPosition(state: ControllerState): Position {
  const { lease, reported } = state
  if (lease === undefined) return reported
  const { position } = lease
  return reported.attempt === position.attempt && reported.step > position.step ? reported : position
}

export function withPending(state: ControllerState, pending: Pending): ControllerState {
  return { ...state, pending: { ...state.pending, [pending.request.id]: pending } }
}

/** Records the result of a request, and replies to its sender. */
export function settleRequest(
  state: ControllerState,
  { request, peer }: Pick<Pending, 'request' | 'peer'>,
  ok: boolean,
  message: string,
  step = currentPosition(state).step,
): Transition {
  const result: RequestResult = { type: 'request-result', id: request.id, ok, step, message }
  const { [request.id]: _settled, ...pending } = state.pending
  return {
    state: { ...withReply(state, result), pending },
    effects: [{ type: 'append', body: { type: 'settled', result } }, reply(result, peer)],
  }
}

/** Keeps the reply, for a request that is repeated. */
export function withReply(state: ControllerState, result: RequestResult): ControllerState {
  const kept = Object.entries(state.replies).slice(1 - REPLIES_KEPT)
  return { ...state, replies: Object.fromEntries([...kept, [result.id, result]]) }
}

/** @param peer - Undefined for a request of this process */
export function reply(result: RequestResult, peer: PeerId | undefined): Effect {
  return peer === undefined ? { type: 'reply', result } : { type: 'send', peer, message: result }
}

/** Peers repeat a request soon or never. */
const REPLIES_KEPT = 100
