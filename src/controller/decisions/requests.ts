/** What operators, scripts and signals ask for, and what comes of it. Pure. */
import type { Action, Request } from '../../record/record.js'
import type { PeerId } from '../../wire/channel.js'
import type { CommandResult } from '../../wire/message.js'
import { answer, settle, standing, withPending } from './replies.js'
import { answerNothing, isSet, makeEdits, propose } from './edits.js'
import { pendingOf, refusedFirst, tryEarlier } from './restore.js'
import { onCheckpointReply } from './checkpoint-replies.js'
import type { ControllerContext, ControllerState, Effect, Lease, Transition } from '../state/state.js'
import { restoreAction, restored, takenBack, undoAction, type Refusal } from './undo.js'

/** Idempotent by id: a repeated request is answered with the first answer, or joins the wait for it. */
export function onRequest(
  state: ControllerState,
  request: Request,
  peer: PeerId | undefined,
  nowMs: number,
  context: ControllerContext,
): Transition {
  const answered = state.answers[request.id]
  if (answered !== undefined) return { state, effects: [answer(answered, peer)] }
  const waiting = state.pending[request.id]
  if (waiting !== undefined) return { state: withPending(state, { ...waiting, peer }), effects: [] }

  const decision = decide(state, request, nowMs, context)
  if (decision.type === 'nothing') return answerNothing(state, request, peer, decision.message)
  const asked: Effect = { type: 'append', body: { type: 'requested', request, position: standing(state) } }
  const { state: next, effects } = follow(state, decision, { request, peer, nowMs, context })
  return { state: next, effects: [asked, ...effects] }
}

interface Asked {
  readonly request: Request
  readonly peer: PeerId | undefined
  readonly nowMs: number
  readonly context: ControllerContext
}

function follow(
  state: ControllerState,
  decision: Exclude<Decision, { type: 'nothing' }>,
  { request, peer, nowMs, context }: Asked,
): Transition {
  const stopping = request.action.type === 'stop' ? (state.stopping ?? 'stopped') : state.stopping
  switch (decision.type) {
    case 'refuse':
      return settle(state, { request, peer }, false, decision.why)
    case 'end': {
      const { state: settled, effects } = settle({ ...state, stopping }, { request, peer }, true, 'ended')
      return { state: settled, effects: [...effects, { type: 'kill', signal: 'SIGTERM' }] }
    }
    case 'edit':
      return makeEdits(state, decision.request, peer, context, { nowMs })
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

/** Ctrl-C or SIGTERM: once, checkpoint and stop; twice, end the worker now. */
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

export function onCommandResult(
  state: ControllerState,
  lease: Lease,
  result: CommandResult,
  nowMs: number,
  context: ControllerContext,
): Transition {
  const pending = pendingOf(state, result.id)
  if (pending === undefined) return { state, effects: [] }
  const { request, action } = pending
  const earlier = tryEarlier(state, lease, pending, result)
  if (earlier !== undefined) return earlier
  if (action.type === 'checkpoint') return onCheckpointReply(state, pending, result, nowMs, context)
  if (isSet(request)) return { state, effects: [] }
  const taken = request.action.type === 'undo' ? takenBack(state, action) : ''
  const message = result.message + taken + refusedFirst(pending)
  const goesOn = action.type === 'stop' && !result.ok && state.stopping === 'stopped'
  const known = goesOn ? { ...state, stopping: undefined } : state
  const { state: settled, effects } = settle(known, pending, result.ok, message, result.step)
  if (!result.ok || action.type !== 'restore') return { state: settled, effects }
  return restored(settled, lease, action, { cause: request.action.type, effects, nowMs, context })
}

/** Whoever still waits learns that nobody is left to answer. An edit is in the log by then, and holds from there. */
export function refuseAll(state: ControllerState, why: string): Transition {
  return Object.values(state.pending).reduce<Transition>(
    (before, pending) => {
      const { request, written } = pending
      if (written !== undefined && !isSet(request)) {
        const { step, message } = written.result
        const { state: settled, effects } = settle(before.state, pending, true, message, step)
        return { state: settled, effects: [...before.effects, ...effects] }
      }
      const awaited = state.awaiting.find(({ id }) => id === request.id)
      const { state: settled, effects } =
        awaited === undefined
          ? settle(before.state, pending, false, why)
          : settle(
              before.state,
              pending,
              true,
              `${awaited.message}; ${why}, a resumed run has it`,
              awaited.from,
            )
      return { state: settled, effects: [...before.effects, ...effects] }
    },
    { state, effects: [] },
  )
}

type Decision =
  | { readonly type: 'command'; readonly lease: Lease; readonly action: Action }
  | { readonly type: 'edit'; readonly request: Parameters<typeof makeEdits>[1] }
  /** What is asked for holds anyway. */
  | { readonly type: 'nothing'; readonly message: string }
  | { readonly type: 'end' }
  | Refusal

function decide(
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
    return { type: 'refuse', why: NO_WAY_BACK }
  }
  switch (action.type) {
    case 'set':
      return decideOnSet(state, lease, request, nowMs, context)
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

function decideOnSet(
  state: ControllerState,
  lease: Lease,
  request: Request,
  nowMs: number,
  context: ControllerContext,
): Decision {
  if (!isSet(request)) return { type: 'refuse', why: 'no edit is asked for' }
  const proposal = propose(state, lease, request, context)
  if (proposal.type === 'refused') return { type: 'refuse', why: proposal.why }
  if (proposal.type === 'nothing') return proposal
  const due = nowMs - state.automaticMs >= AUTOMATIC_EVERY_MS
  // Before the first step there is nothing that a checkpoint would save, and to a script's own none leads back.
  const canReturn = context.worker === 'task' && standing(state).step > 0
  if (!request.action.checkpoint || !due || !canReturn) return { type: 'edit', request }
  return { type: 'command', lease, action: { type: 'checkpoint', automatic: true } }
}

/** Nobody edits so often that more of them would be wanted back. */
const AUTOMATIC_EVERY_MS = 60_000

const NO_WAY_BACK =
  'a script cannot be returned to an earlier step while it runs: set the control to what it was, or stop the run and start it from what the script saved'
