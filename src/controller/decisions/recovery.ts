/** Recovers the controller's state from the log of a run that another controller has driven. Pure. */
import type { RecordName } from '../../record/record-id.js'
import { addEdit, settleEdits } from '../../history/edit-history.js'
import type { Body, CheckpointWritten, Hello, Request, RunStatus } from '../../record/record.js'
import { receivedFrom, type ReceivedTelemetry } from '../state/received-telemetry.js'
import { initialState, type ControllerState } from '../state/state.js'
import { withCheckpoint, withRewind } from '../state/visible-history.js'

/** Builds the state of a run from its log, record by record. */
export interface Recovered {
  readonly state: ControllerState
  /** The last worker, if any ever joined. */
  readonly worker: Hello | undefined
  /** By id; requests without a reply. */
  readonly openRequests: Readonly<Record<string, Request>>
  /** How the run ended when it last did; undefined while no end is recorded after the last start. */
  readonly ended: RunStatus | undefined
}

export function nothingRecovered(): Recovered {
  return { state: initialState(), worker: undefined, openRequests: {}, ended: undefined }
}

/** @param body - Undefined for a record that this version cannot read, and for samples, which nothing is recovered from. */
export function recover(before: Recovered, name: RecordName, body: Body | undefined): Recovered {
  const state = name.origin === 'controller' ? before.state : withSequence(before.state, name)
  const recovered = { ...before, state }
  switch (body?.type) {
    case 'controller-started':
      return { ...recovered, ended: undefined }
    case 'worker-joined':
      return {
        ...recovered,
        worker: body.hello,
        state: { ...state, attempt: body.attempt, leaseEpoch: Math.max(state.leaseEpoch, body.leaseEpoch) },
      }
    case 'plan':
      return { ...recovered, state: { ...state, planSeq: Math.max(state.planSeq, body.planSeq) } }
    case 'step-batch':
      if (body.attempt !== state.attempt) return recovered
      return {
        ...recovered,
        state: { ...state, reported: { attempt: body.attempt, step: body.firstStep + body.count } },
      }
    case 'checkpoint-written':
      return { ...recovered, state: withCheckpoint(state, body) }
    case 'rewind':
      return { ...recovered, state: withRewind(state, body) }
    case 'requested':
      return {
        ...recovered,
        openRequests: { ...before.openRequests, [body.request.id]: body.request },
      }
    case 'edited':
      return { ...recovered, state: { ...state, edits: addEdit(state.edits, body) } }
    case 'settled': {
      const { [body.result.id]: _settled, ...openRequests } = before.openRequests
      return { ...recovered, openRequests, state: { ...state, edits: settleEdits(state.edits, body.result) } }
    }
    case 'run-ended':
      return { ...recovered, ended: body.status }
    default:
      return recovered
  }
}

/** Reopens edits that the worker has not acknowledged: their rows are sent again, and their requests are settled in the log. */
export function withOpenEdits({ state, openRequests }: Recovered): ControllerState {
  const open = state.edits.filter(
    ({ settled, edited }) => !settled && openRequests[edited.request] !== undefined,
  )
  const requests = [...new Set(open.map(({ edited }) => edited.request))].map((id) => openRequests[id]!)
  return {
    ...state,
    pending: Object.fromEntries(
      requests.map((request) => [request.id, { request, peer: undefined, action: request.action }]),
    ),
    editsInFlight: requests.map(({ id }) => ({
      id,
      planSeq: 0,
      from: Math.min(...open.filter(({ edited }) => edited.request === id).map(({ effective }) => effective)),
      message: 'made by the controller before',
    })),
  }
}

/**
 * The state for a worker that starts again, from a checkpoint or from the beginning.
 *
 * @param restore - The newest whole checkpoint; it may be of an attempt that the log does not know.
 */
export function restartedState(
  recovered: Recovered,
  restore: CheckpointWritten | undefined = recovered.state.checkpoints.at(-1),
): { state: ControllerState; toStep: number } {
  const state = withOpenEdits(recovered)
  const toStep = restore?.position.step ?? 0
  const attempt = Math.max(state.attempt, restore?.position.attempt ?? 0) + 1
  return { toStep, state: { ...withRewind(state, { attempt, toStep, cause: 'resume' }), restore } }
}

/** The state for a script that starts again: it restores its own state, and its Hello gives the step. */
export function restartedScriptState(recovered: Recovered): ControllerState {
  return { ...withOpenEdits(recovered), restore: undefined, startsNewAttempt: true }
}

function withSequence(state: ControllerState, { incarnation, stream, seq }: RecordName): ControllerState {
  const before = receivedFrom(state, incarnation)
  const durable = { ...before.durable, [stream]: Math.max(before.durable[stream], seq) }
  const entry: ReceivedTelemetry = { incarnation, appended: durable, durable }
  const others = state.received.filter((other) => other.incarnation !== incarnation)
  return { ...state, received: [...others, entry] }
}
