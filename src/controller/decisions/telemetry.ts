/** Taking in telemetry: what is acknowledged, what it tells about training, and which rows it calls for. Pure. */
import type { RecordName } from '../../record/record-id.js'
import { addCheckpoint, visibleCheckpoints } from '../../history/visible-checkpoints.js'
import type { Acked, Body, CheckpointWritten, Hello } from '../../record/record.js'
import type { RewindPoint } from '../../history/visible-history.js'
import type { PeerId } from '../../wire/channel.js'
import { PROTOCOL } from '../../wire/message.js'
import { editsAfter } from '../../history/edit-history.js'
import type {
  ControllerContext,
  ControllerEvent,
  ControllerState,
  Effect,
  Intake,
  Lease,
  Transition,
} from '../state/state.js'
import { backOff, decide, withNoted } from './feedback.js'
import { extendPlans } from './plan-ahead.js'
import { answerKnown } from './checkpoint-replies.js'

/** The record itself is in the log's buffer by now. */
export function afterTelemetry(
  state: ControllerState,
  event: Extract<ControllerEvent, { type: 'telemetry' }>,
  context: ControllerContext,
): Transition {
  const { name, body } = event
  const { state: noted, effects: decisions, backOffs } = decide(withNoted(state, body, context), context)
  // Before any row is sent that these are to change.
  const guarded = backOff(noted, backOffs, event.nowMs, context)
  const counted = { ...guarded.state, intake: advance(guarded.state.intake, name) }
  const { state: next, effects } = take(counted, body)
  const told = answerKnown(next, event.nowMs, context)
  const planned = extendPlans(told.state, event.nowMs)
  return {
    state: planned.state,
    effects: [...decisions, ...guarded.effects, ...told.effects, ...planned.effects, ...effects],
  }
}

function take(taken: ControllerState, body: Body | undefined): Transition {
  switch (body?.type) {
    case 'step-batch': {
      // What an attempt reports after a return to a checkpoint says nothing of where training stands.
      const reported =
        body.attempt < taken.attempt
          ? taken.reported
          : { attempt: body.attempt, step: body.firstStep + body.count }
      return { state: { ...taken, reported }, effects: [{ type: 'report', body }] }
    }
    case 'evaluation':
      return { state: taken, effects: [{ type: 'report', body }] }
    case 'checkpoint-written':
      return { state: withCheckpoint(taken, body), effects: [] }
    default:
      return { state: taken, effects: [] }
  }
}

/** Tells the worker what it may forget, and releases it once everything it announced is on disk. */
export function afterDurable(state: ControllerState, durable: readonly Intake[]): Transition {
  const intake = state.intake.map((entry) => {
    const synced = durable.find(({ incarnation }) => incarnation === entry.incarnation)
    return synced === undefined ? entry : { ...entry, durable: synced.appended }
  })
  const next = { ...state, intake }
  const { lease } = next
  if (lease === undefined) return { state: next, effects: [] }
  const effects: Effect[] = [acknowledgement(next, lease)]
  if (next.stage === 'leaving' || lease.bye === undefined || !coversBye(next, lease)) {
    return { state: next, effects }
  }
  return {
    state: { ...next, stage: 'leaving' },
    effects: [
      ...effects,
      { type: 'send', peer: lease.peer, message: { type: 'released' } },
      { type: 'finish' },
    ],
  }
}

export function acknowledgement(state: ControllerState, lease: Lease): Effect {
  const { incarnation } = lease.hello
  return {
    type: 'send',
    peer: lease.peer,
    message: { type: 'telemetry-ack', incarnation, acked: intakeOf(state, incarnation).durable },
  }
}

export function intakeOf(state: ControllerState, incarnation: string): Intake {
  return state.intake.find((intake) => intake.incarnation === incarnation) ?? emptyIntake(incarnation)
}

export function emptyIntake(incarnation: string): Intake {
  return { incarnation, appended: { steps: 0, samples: 0 }, durable: { steps: 0, samples: 0 } }
}

/**
 * What a worker cannot send any more counts as taken: its stream would have a hole that nobody fills, and everything behind it
 * would be asked for and refused for ever.
 *
 * @returns the intake of every worker, this one's included, and in words what the log lacks
 */
export function withForgotten(
  state: ControllerState,
  { incarnation, forgotten = { steps: 0, samples: 0 } }: Hello,
): { readonly intake: readonly Intake[]; readonly lost: readonly string[] } {
  const known = intakeOf(state, incarnation)
  const raised = (acked: Acked) => ({
    steps: Math.max(acked.steps, forgotten.steps),
    samples: Math.max(acked.samples, forgotten.samples),
  })
  const own = { incarnation, appended: raised(known.appended), durable: raised(known.durable) }
  const lost = (['steps', 'samples'] as const).flatMap((stream) => {
    const missing = own.appended[stream] - known.appended[stream]
    return missing === 0
      ? []
      : `${missing} records of ${stream} are missing: an earlier controller acknowledged them, and the log has lost them`
  })
  const isKnown = state.intake.some((entry) => entry.incarnation === incarnation)
  return {
    intake: isKnown
      ? state.intake.map((entry) => (entry.incarnation === incarnation ? own : entry))
      : [...state.intake, own],
    lost,
  }
}

/** Operators hold no lease: any number of them may ask. */
export function welcomeOperator(
  state: ControllerState,
  peer: PeerId,
  hello: Hello,
  context: ControllerContext,
): Transition {
  const refusal = refusalOf(hello, context)
  if (refusal !== undefined) return { state, effects: [{ type: 'send', peer, message: refusal }] }
  return {
    state,
    effects: [
      {
        type: 'send',
        peer,
        message: {
          type: 'welcome',
          run: context.run,
          attempt: state.attempt,
          leaseEpoch: 0,
          paramsJson: '',
          acked: { steps: 0, samples: 0 },
          sampleEvery: 0,
          sampleQuotaBytes: 0,
          orphanLimitSeconds: 0,
          keepCheckpoints: 0,
          restorePath: '',
          restoreSha256: '',
          runSteps: 0,
          weighting: context.weighting,
        },
      },
    ],
  }
}

/** Why a peer cannot be admitted whatever its role; undefined when it can. */
export function refusalOf(hello: Hello, context: ControllerContext) {
  if (hello.protocolMajor !== PROTOCOL.major) {
    const theirs = `${hello.protocolMajor}.${hello.protocolMinor}`
    const hint = `this controller speaks protocol ${PROTOCOL.major}.${PROTOCOL.minor}, the peer ${theirs}: install the same version of absgd on both sides`
    return { type: 'reject', code: 'protocol', hint } as const
  }
  if (hello.run !== '' && hello.run !== context.run) {
    const hint = `this controller drives the run "${context.run}", not "${hello.run}"`
    return { type: 'reject', code: 'wrong-run', hint } as const
  }
  return undefined
}

/** One of steps that were left behind meanwhile is not taken. */
export function withCheckpoint(state: ControllerState, written: CheckpointWritten): ControllerState {
  return { ...state, checkpoints: addCheckpoint(state.checkpoints, written, state.rewinds) }
}

/** A return to a checkpoint: later ones of the attempts before belong to a history that is no longer the run's. */
export function withRewind(state: ControllerState, rewind: RewindPoint): ControllerState {
  const rewinds = [...state.rewinds, rewind]
  const { attempt, toStep } = rewind
  return {
    ...state,
    attempt,
    rewinds,
    reported: { attempt, step: toStep },
    edits: editsAfter(state.edits, rewind),
    checkpoints: visibleCheckpoints(state.checkpoints, rewinds),
  }
}

function advance(intake: readonly Intake[], { incarnation, stream, seq }: RecordName): readonly Intake[] {
  return intake.map((entry) =>
    entry.incarnation === incarnation ? { ...entry, appended: { ...entry.appended, [stream]: seq } } : entry,
  )
}

function coversBye(state: ControllerState, lease: Lease): boolean {
  const { durable } = intakeOf(state, lease.hello.incarnation)
  const sent = lease.bye?.sent
  return sent !== undefined && durable.steps >= sent.steps && durable.samples >= sent.samples
}
