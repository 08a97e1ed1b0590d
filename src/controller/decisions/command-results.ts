/** The worker's answers to commands. The operator gets each one once the log holds every record that came before it. Pure. */
import type { CommandResult } from '../../wire/message.js'
import { applyEdits, isSet, propose } from './edits.js'
import { settleRequest, withPending } from './replies.js'
import { pendingOf, refusedFirst, tryEarlier } from './restore.js'
import { receivedFrom } from '../state/received-telemetry.js'
import type { ControllerContext, ControllerState, Lease, Pending, Transition } from '../state/state.js'
import { afterRestore, undoneSummary } from './undo.js'

/**
 * A result and the records before it come over two sockets, and the result may be the first to arrive. It is kept until the
 * log holds the record that it names, so that whoever reads the answer can read a checkpoint or an evaluation as well.
 */
export function onCommandResult(
  state: ControllerState,
  lease: Lease,
  result: CommandResult,
  nowMs: number,
  context: ControllerContext,
): Transition {
  const pending = pendingOf(state, result.id)
  if (pending === undefined) return { state, effects: [] }
  if (!isLogged(state, lease, result)) {
    return { state: withPending(state, { ...pending, result }), effects: [] }
  }
  return settleResult(state, lease, { pending, result, nowMs, context })
}

/** Settles the kept results whose last record has arrived by now. */
export function settleLoggedResults(
  before: ControllerState,
  nowMs: number,
  context: ControllerContext,
): Transition {
  let transition: Transition = { state: before, effects: [] }
  for (const pending of Object.values(before.pending)) {
    const { state } = transition
    const { lease } = state
    const { result } = pending
    if (result === undefined || lease === undefined || !isLogged(state, lease, result)) continue
    const settled = settleResult(state, lease, { pending, result, nowMs, context })
    transition = { state: settled.state, effects: [...transition.effects, ...settled.effects] }
  }
  return transition
}

/** A worker of protocol 1.2 or before does not name a record: its results are settled at once. */
function isLogged(state: ControllerState, { hello }: Lease, { follows = 0 }: CommandResult): boolean {
  return receivedFrom(state, hello.incarnation).appended.steps >= follows
}

interface ResultToSettle {
  readonly pending: Pending
  readonly result: CommandResult
  readonly nowMs: number
  readonly context: ControllerContext
}

function settleResult(
  before: ControllerState,
  lease: Lease,
  { pending, result, nowMs, context }: ResultToSettle,
): Transition {
  const { request, peer, action } = pending
  const { ok, step } = result
  const earlier = tryEarlier(before, lease, pending, result)
  if (earlier !== undefined) return earlier
  if (isSet(request)) {
    if (action.type !== 'checkpoint') return { state: before, effects: [] }
    // The edit is made even if its checkpoint could not be written; the answer says so.
    const note = ok ? `checkpoint at step ${step}` : `no checkpoint: ${result.message}`
    const proposal = propose(before, lease, request, context)
    return applyEdits(before, lease, { request, peer, proposal, nowMs, note }, context)
  }
  const undone = request.action.type === 'undo' ? undoneSummary(before, action) : ''
  const message = result.message + undone + refusedFirst(pending)
  // A refused stop leaves the run training: a later end is not a stop.
  const trainsOn = action.type === 'stop' && !ok && before.stopping === 'stopped'
  const state = trainsOn ? { ...before, stopping: undefined } : before
  const { state: settled, effects } = settleRequest(state, pending, ok, message, step)
  if (!ok || action.type !== 'restore') return { state: settled, effects }
  return afterRestore(settled, lease, action, { cause: request.action.type, effects, nowMs, context })
}
