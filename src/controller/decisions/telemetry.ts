/** Decides what to do when telemetry arrives, and when records have reached the disk. Pure. */
import type { Body } from '../../record/record.js'
import { settleLoggedResults } from './command-results.js'
import { addTelemetry, applyBackOffs, applyRuleEdits, decideFeedback } from './feedback.js'
import { extendPlans } from './plan-ahead.js'
import {
  receivedFrom,
  withAppended,
  withDurable,
  type ReceivedTelemetry,
} from '../state/received-telemetry.js'
import type {
  ControllerContext,
  ControllerEvent,
  ControllerState,
  Effect,
  Lease,
  Transition,
} from '../state/state.js'
import { withCheckpoint } from '../state/visible-history.js'

/** The loop has written the record into the log's buffer already. */
export function afterTelemetry(
  state: ControllerState,
  { name, body, nowMs }: Extract<ControllerEvent, { type: 'telemetry' }>,
  context: ControllerContext,
): Transition {
  const feedback = decideFeedback(addTelemetry(state, body, context), context)
  // Before any row is sent that an edit or a back-off changes.
  const ruled = applyRuleEdits(feedback.state, feedback.edits, nowMs, context)
  const guarded = applyBackOffs(ruled.state, feedback.backOffs, nowMs, context)
  const received = { ...guarded.state, received: withAppended(guarded.state.received, name) }
  const { state: updated, effects: reports } = withBody(received, body)
  const settled = settleLoggedResults(updated, nowMs, context)
  const planned = extendPlans(settled.state, nowMs)
  return {
    state: planned.state,
    effects: [
      // An edit comes before the decision that it follows from: it is made once, wherever a controller is killed.
      ...ruled.effects,
      ...feedback.effects,
      ...guarded.effects,
      ...settled.effects,
      ...planned.effects,
      ...reports,
      ...syncBeforeRelease(planned.state),
    ],
  }
}

function withBody(state: ControllerState, body: Body | undefined): Transition {
  switch (body?.type) {
    case 'step-batch': {
      // A late report of an earlier attempt does not show where training is now.
      const reported =
        body.attempt < state.attempt
          ? state.reported
          : { attempt: body.attempt, step: body.firstStep + body.count }
      return { state: { ...state, reported }, effects: [{ type: 'report', body }] }
    }
    case 'evaluation':
      return { state, effects: [{ type: 'report', body }] }
    case 'checkpoint-written':
      return { state: withCheckpoint(state, body), effects: [] }
    default:
      return { state, effects: [] }
  }
}

/** Acknowledges what is on disk, and releases the worker once that is everything which its Bye announced. */
export function afterDurable(before: ControllerState, synced: readonly ReceivedTelemetry[]): Transition {
  const state = { ...before, received: withDurable(before.received, synced) }
  const { lease } = state
  if (lease === undefined) return { state, effects: [] }
  const effects: Effect[] = [acknowledgement(state, lease)]
  if (state.stage === 'leaving' || !coversBye(state, lease, 'durable')) {
    return { state, effects }
  }
  const released: Effect = { type: 'send', peer: lease.peer, message: { type: 'released' } }
  // The worker's courier may leave; the run ends with the exit of the process that trained.
  if (state.end === undefined) return { state, effects: [...effects, released] }
  return { state: { ...state, stage: 'leaving' }, effects: [...effects, released, { type: 'finish' }] }
}

export function acknowledgement(state: ControllerState, lease: Lease): Effect {
  const { incarnation } = lease.hello
  return {
    type: 'send',
    peer: lease.peer,
    message: { type: 'telemetry-ack', incarnation, acked: receivedFrom(state, incarnation).durable },
  }
}

/** A worker that has said Bye waits until all its records are on disk. */
export function syncBeforeRelease(state: ControllerState): readonly Effect[] {
  const { lease, stage } = state
  if (lease === undefined || stage === 'leaving' || !coversBye(state, lease, 'appended')) return []
  return [{ type: 'sync' }]
}

/** Whether everything that the worker's Bye announced is appended to the log, or on disk. False before the Bye. */
function coversBye(state: ControllerState, { bye, hello }: Lease, reached: 'appended' | 'durable'): boolean {
  const { steps, samples } = receivedFrom(state, hello.incarnation)[reached]
  return bye !== undefined && steps >= bye.sent.steps && samples >= bye.sent.samples
}
