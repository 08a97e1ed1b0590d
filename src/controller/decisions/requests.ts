/** Requests of operators, scripts and signals, and the decision about each. Pure. */
import type { Action, Request } from '../../record/record.js'
import type { PeerId } from '../../wire/channel.js'
import { currentPosition, reply, settleRequest, withPending } from './replies.js'
import { applyEdits, isSet, propose, replyUnchanged, type Proposal, type SetRequest } from './edits.js'
import type { ControllerContext, ControllerState, Effect, Lease, Transition } from '../state/state.js'
import { restoreAction, undoAction, type Refusal } from './undo.js'

/** Idempotent by id: a repeated request gets the first reply, or waits for it as well. */
export function onRequest(
  state: ControllerState,
  request: Request,
  peer: PeerId | undefined,
  nowMs: number,
  context: ControllerContext,
): Transition {
  const replied = state.replies[request.id]
  if (replied !== undefined) return { state, effects: [reply(replied, peer)] }
  const waiting = state.pending[request.id]
  if (waiting !== undefined) return { state: withPending(state, { ...waiting, peer }), effects: [] }

  const decision = decideRequest(state, request, nowMs, context)
  if (decision.type === 'no-change') return replyUnchanged(state, request, peer, decision.message)
  const requested: Effect = {
    type: 'append',
    body: { type: 'requested', request, position: currentPosition(state) },
  }
  const { state: next, effects } = carryOut(state, decision, { request, peer, nowMs, context })
  return { state: next, effects: [requested, ...effects] }
}

/** Ctrl-C or SIGTERM. The first one checkpoints and stops the run, the second one ends the worker at once. */
export function interrupt(
  state: ControllerState,
  id: string,
  nowMs: number,
  context: ControllerContext,
): Transition {
  if (state.stopping === 'interrupted') return { state, effects: [{ type: 'kill', signal: 'SIGKILL' }] }
  const request: Request = {
    type: 'request',
    id,
    by: 'signal',
    why: '',
    action: { type: 'stop', checkpoint: true },
  }
  return onRequest({ ...state, stopping: 'interrupted' }, request, undefined, nowMs, context)
}

/**
 * Settles all open requests when the worker is gone. A result that was waiting for its record stands, except that of a restore,
 * which the log does not show. An edit is in the log, so a resumed run has it.
 */
export function settleWithoutWorker(state: ControllerState, why: string): Transition {
  return Object.values(state.pending).reduce<Transition>(
    (before, pending) => {
      const { state: settled, effects } = settleOneWithoutWorker(before.state, pending, why)
      return { state: settled, effects: [...before.effects, ...effects] }
    },
    { state, effects: [] },
  )
}

function settleOneWithoutWorker(
  state: ControllerState,
  pending: ControllerState['pending'][string],
  why: string,
): Transition {
  const { request, action, result } = pending
  if (result !== undefined && !isSet(request) && action.type !== 'restore') {
    return settleRequest(state, pending, result.ok, result.message, result.step)
  }
  const inFlight = state.editsInFlight.find(({ id }) => id === request.id)
  if (inFlight === undefined) return settleRequest(state, pending, false, why)
  const message = `${inFlight.message}; ${why}, a resumed run has it`
  return settleRequest(state, pending, true, message, inFlight.from)
}

type Decision =
  | { readonly type: 'command'; readonly lease: Lease; readonly action: Action }
  | {
      readonly type: 'edit'
      readonly lease: Lease
      readonly request: SetRequest
      readonly proposal: Extract<Proposal, { type: 'edits' }>
    }
  | Extract<Proposal, { type: 'no-change' }>
  /** Stop a run whose worker has not joined. */
  | { readonly type: 'end' }
  | Refusal

interface RequestToCarryOut {
  readonly request: Request
  readonly peer: PeerId | undefined
  readonly nowMs: number
  readonly context: ControllerContext
}

function carryOut(
  state: ControllerState,
  decision: Exclude<Decision, { type: 'no-change' }>,
  { request, peer, nowMs, context }: RequestToCarryOut,
): Transition {
  const stopping = request.action.type === 'stop' ? (state.stopping ?? 'stopped') : state.stopping
  switch (decision.type) {
    case 'refuse':
      return settleRequest(state, { request, peer }, false, decision.why)
    case 'end': {
      const { state: settled, effects } = settleRequest(
        { ...state, stopping },
        { request, peer },
        true,
        'ended',
      )
      return { state: settled, effects: [...effects, { type: 'kill', signal: 'SIGTERM' }] }
    }
    case 'edit': {
      const { lease, proposal } = decision
      return applyEdits(state, lease, { request: decision.request, peer, proposal, nowMs }, context)
    }
    case 'command': {
      const { lease, action } = decision
      const automaticMs =
        action.type === 'checkpoint' && action.automatic === true ? nowMs : state.automaticMs
      return {
        state: { ...withPending(state, { request, peer, action }), stopping, automaticMs },
        effects: [
          {
            type: 'send',
            peer: lease.peer,
            message: { type: 'command', leaseEpoch: lease.epoch, id: request.id, action },
          },
        ],
      }
    }
    default:
      return decision satisfies never
  }
}

function decideRequest(
  state: ControllerState,
  request: Request,
  nowMs: number,
  context: ControllerContext,
): Decision {
  const { lease } = state
  const { action } = request
  if (state.stage === 'leaving' || lease?.bye !== undefined) {
    return { type: 'refuse', why: 'the run is ending' }
  }
  if (lease === undefined) {
    if (action.type === 'stop') return { type: 'end' }
    return { type: 'refuse', why: 'no worker has joined the run yet: ask again once it trains' }
  }
  if ((action.type === 'undo' || action.type === 'restore') && context.worker !== 'task') {
    return { type: 'refuse', why: SCRIPT_CANNOT_RETURN }
  }
  switch (action.type) {
    case 'set':
      return decideSet(state, lease, request, nowMs, context)
    case 'undo':
      return commandOf(lease, undoAction(state, action.all === true, request.by))
    case 'restore':
      return commandOf(lease, restoreAction(state, action.step))
    case 'pause':
    case 'resume':
    case 'step-on':
    case 'checkpoint':
    case 'evaluate':
    case 'stop':
      return { type: 'command', lease, action }
    default:
      return action satisfies never
  }
}

function commandOf(lease: Lease, action: Action | Refusal): Decision {
  return action.type === 'refuse' ? action : { type: 'command', lease, action }
}

function decideSet(
  state: ControllerState,
  lease: Lease,
  request: Request,
  nowMs: number,
  context: ControllerContext,
): Decision {
  if (!isSet(request)) return { type: 'refuse', why: 'no edit is asked for' }
  const proposal = propose(state, lease, request, context)
  if (proposal.type === 'refused') return { type: 'refuse', why: proposal.why }
  if (proposal.type === 'no-change') return proposal
  const isDue = nowMs - state.automaticMs >= AUTOMATIC_EVERY_MS
  // Skipped at step 0, and for scripts: they cannot be restored while they run.
  const canReturn = context.worker === 'task' && currentPosition(state).step > 0
  if (request.action.checkpoint && isDue && canReturn) {
    return { type: 'command', lease, action: { type: 'checkpoint', automatic: true } }
  }
  return { type: 'edit', lease, request, proposal }
}

/** At most one automatic checkpoint in this time. */
const AUTOMATIC_EVERY_MS = 60_000

const SCRIPT_CANNOT_RETURN =
  'a script cannot be returned to an earlier step while it runs: set the control to what it was, or stop the run and start it from what the script saved'
