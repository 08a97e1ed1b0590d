/** The controller's decisions: the next state and the effects of each event. Pure; the loop in `controller.ts` carries out the effects. */
import { onPlanAck } from './edits.js'
import { onCommandResult } from './command-results.js'
import { onOperatorHello } from './operator-session.js'
import { interrupt, onRequest } from './requests.js'
import { afterDurable, afterTelemetry } from './telemetry.js'
import { onBye, onHello, onProgress, onWorkerExited } from './worker-session.js'
import type { ControllerContext, ControllerEvent, ControllerState, Transition } from '../state/state.js'
import { withCheckpoint } from '../state/visible-history.js'

export function transition(
  state: ControllerState,
  event: ControllerEvent,
  context: ControllerContext,
): Transition {
  if (state.stage === 'ended') return { state, effects: [] }
  switch (event.type) {
    case 'message':
      return onMessage(state, event, context)
    case 'telemetry':
      return afterTelemetry(state, event, context)
    case 'durable':
      return afterDurable(state, event.received)
    case 'request':
      return onRequest(state, event.request, undefined, event.nowMs, context)
    case 'interrupt':
      return interrupt(state, event.id, event.nowMs, context)
    case 'checkpoint-found':
      return { state: withCheckpoint(state, event.body), effects: [] }
    case 'worker-exited':
      return onWorkerExited(state, event, context)
    case 'hello-overdue':
      return {
        state: {
          ...state,
          end: {
            status: 'failed',
            reason: `the worker has not said Hello within ${event.seconds} s; worker.log in the run directory shows what it is doing`,
            detail: '',
          },
        },
        effects: [{ type: 'kill', signal: 'SIGKILL' }],
      }
    default:
      return event satisfies never
  }
}

function onMessage(
  state: ControllerState,
  event: Extract<ControllerEvent, { type: 'message' }>,
  context: ControllerContext,
): Transition {
  const { peer, message, nowMs } = event
  switch (message.type) {
    case 'hello':
      return onHello(state, peer, message, nowMs, context)
    case 'operator-hello':
      return onOperatorHello(state, peer, message, context)
    case 'request':
      return onRequest(state, message, peer, nowMs, context)
    case 'progress':
    case 'plan-ack':
    case 'command-result':
    case 'bye':
      if (state.lease?.peer !== peer || state.lease.epoch !== message.leaseEpoch) {
        const hint = 'no lease, or one of an earlier epoch: say Hello'
        return {
          state,
          effects: [{ type: 'send', peer, message: { type: 'reject', code: 'no-lease', hint } }],
        }
      }
      switch (message.type) {
        case 'progress':
          return onProgress(state, state.lease, message)
        case 'plan-ack':
          return onPlanAck(state, message, context)
        case 'command-result':
          return onCommandResult(state, state.lease, message, nowMs, context)
        case 'bye':
          return onBye(state, state.lease, message, context)
        default:
          return message satisfies never
      }
    default:
      return message satisfies never
  }
}
