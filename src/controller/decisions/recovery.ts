/** What a log tells a controller that takes up a run where another one left it. Pure. */
import type { RecordName } from '../../record/record-id.js'
import { addEdit, settleEdits } from '../../history/edit-history.js'
import type { Body, CheckpointWritten, Hello, Request, RunStatus } from '../../record/record.js'
import { emptyIntake, withCheckpoint, withRewind } from './telemetry.js'
import { initialState, type ControllerState, type Intake } from '../state/state.js'

/** A run as its log has it, folded record by record. */
export interface Recovered {
  readonly state: ControllerState
  /** The last worker, if any ever joined. */
  readonly worker: Hello | undefined
  /** What was asked for and not answered. */
  readonly asked: Readonly<Record<string, Request>>
  /** How the run ended when it last did; undefined while no end is recorded after the last start. */
  readonly ended: RunStatus | undefined
}

export function nothingRecovered(): Recovered {
  return { state: initialState(), worker: undefined, asked: {}, ended: undefined }
}

/** @param body - Undefined for one that this version cannot read, or that need not be looked at: samples. */
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
      return { ...recovered, asked: { ...before.asked, [body.request.id]: body.request } }
    case 'edited':
      return { ...recovered, state: { ...state, edits: addEdit(state.edits, body) } }
    case 'settled': {
      const { [body.result.id]: _settled, ...asked } = before.asked
      return { ...recovered, asked, state: { ...state, edits: settleEdits(state.edits, body.result) } }
    }
    case 'run-ended':
      return { ...recovered, ended: body.status }
    default:
      return recovered
  }
}

/** Edits that the log has and nobody confirmed: their rows go out again, and their requests are answered for the log. */
export function withUnsettled({ state, asked }: Recovered): ControllerState {
  const open = state.edits.filter(({ settled, edited }) => !settled && asked[edited.request] !== undefined)
  const requests = [...new Set(open.map(({ edited }) => edited.request))].map((id) => asked[id]!)
  return {
    ...state,
    pending: Object.fromEntries(
      requests.map((request) => [request.id, { request, peer: undefined, action: request.action }]),
    ),
    awaiting: requests.map(({ id }) => ({
      id,
      planSeq: 0,
      from: Math.min(...open.filter(({ edited }) => edited.request === id).map(({ effective }) => effective)),
      message: 'made by the controller before',
    })),
  }
}

/**
 * The state of a controller whose worker has to start again: from a checkpoint, or from the beginning.
 *
 * @param restore - The newest that is whole; it may be of an attempt that the log does not know.
 */
export function restarted(
  recovered: Recovered,
  restore: CheckpointWritten | undefined = recovered.state.checkpoints.at(-1),
): { state: ControllerState; toStep: number } {
  const state = withUnsettled(recovered)
  const toStep = restore?.position.step ?? 0
  const attempt = Math.max(state.attempt, restore?.position.attempt ?? 0) + 1
  return { toStep, state: { ...withRewind(state, { attempt, toStep, cause: 'resume' }), restore } }
}

/** The same where a worker restores nothing by order: it says in its Hello at which step it goes on. */
export function beginsAnew(recovered: Recovered): ControllerState {
  return { ...withUnsettled(recovered), restore: undefined, beginsAnew: true }
}

function withSequence(state: ControllerState, { incarnation, stream, seq }: RecordName): ControllerState {
  const known = state.intake.find((intake) => intake.incarnation === incarnation) ?? emptyIntake(incarnation)
  const durable = { ...known.durable, [stream]: Math.max(known.durable[stream], seq) }
  const entry: Intake = { incarnation, appended: durable, durable }
  return { ...state, intake: [...state.intake.filter((other) => other.incarnation !== incarnation), entry] }
}
