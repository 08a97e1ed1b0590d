/** Answers to checkpoints: whoever has one can return to it. Pure. */
import type { CommandResult } from '../../wire/message.js'
import { settle, withPending } from './replies.js'
import { isSet, makeEdits } from './edits.js'
import type { ControllerContext, ControllerState, Pending, Transition } from '../state/state.js'

/**
 * The worker's word on a checkpoint. It comes by another way than the record that names the file, and may overtake it: the
 * answer waits for the record.
 */
export function onCheckpointReply(
  state: ControllerState,
  pending: Pending,
  result: CommandResult,
  nowMs: number,
  context: ControllerContext,
): Transition {
  const held = { ...pending, written: { attempt: state.attempt, result } }
  // A script's own checkpoint is none of ours.
  const isOurs = result.ok && context.worker === 'task'
  return isOurs && !isKnown(state, held.written)
    ? { state: withPending(state, held), effects: [] }
    : answerSaved(state, pending, result, nowMs, context)
}

/** What can be answered now that a record has been taken in. */
export function answerKnown(before: ControllerState, nowMs: number, context: ControllerContext): Transition {
  let transition: Transition = { state: before, effects: [] }
  for (const pending of Object.values(before.pending)) {
    const { written } = pending
    if (written === undefined || !isKnown(before, written)) continue
    const { state, effects } = answerSaved(transition.state, pending, written.result, nowMs, context)
    transition = { state, effects: [...transition.effects, ...effects] }
  }
  return transition
}

function answerSaved(
  state: ControllerState,
  pending: Pending,
  { ok, step, message }: CommandResult,
  nowMs: number,
  context: ControllerContext,
): Transition {
  const { request, peer } = pending
  if (!isSet(request)) return settle(state, pending, ok, message, step)
  // Where no checkpoint could be written the edit is made all the same, and that is said.
  const said = ok ? `checkpoint at step ${step}` : `no checkpoint: ${message}`
  return makeEdits(state, request, peer, context, { nowMs, said })
}

/** Records come in the order of their steps: with a later step reported, or in another attempt, none is awaited any more. */
function isKnown(
  { attempt, reported, checkpoints }: ControllerState,
  { attempt: of, result: { step } }: NonNullable<Pending['written']>,
): boolean {
  return of !== attempt || reported.step > step || checkpoints.some(({ position }) => position.step === step)
}
