/** A worker's session: admission, progress messages, Bye, and the exit of its process. Pure. */
import type { Bye, Hello, Position, Progress } from '../../record/record.js'
import { toAbsgdError } from '../../errors.js'
import type { PeerId } from '../../wire/channel.js'
import type { Welcome } from '../../wire/message.js'
import { applyRuleEdits, decideFeedback, withRules } from './feedback.js'
import { extendPlans } from './plan-ahead.js'
import { rewindFeedback } from '../state/feedback-decisions.js'
import { acknowledgement, syncBeforeRelease } from './telemetry.js'
import { resendFrom } from './edits.js'
import { settleWithoutWorker } from './requests.js'
import { commandId } from './restore.js'
import { refusePeer, refuseWeighting, unsupportedControl } from './compatibility.js'
import { endOfBye, endOfExit } from './run-end.js'
import { plannedControls, withEdits } from './rows.js'
import { startPace } from '../state/plans.js'
import { receivedFrom, withForgotten } from '../state/received-telemetry.js'
import type {
  ControllerContext,
  ControllerEvent,
  ControllerState,
  Effect,
  End,
  Lease,
  Transition,
} from '../state/state.js'
import { withRewind } from '../state/visible-history.js'

/**
 * Admits a worker: the first one, one that restores a checkpoint, or one that continues after this or an earlier controller lost
 * its connection.
 */
export function onHello(
  before: ControllerState,
  peer: PeerId,
  hello: Hello,
  nowMs: number,
  context: ControllerContext,
): Transition {
  const refusal =
    refusePeer(hello, context) ?? refuseWeighting(hello, context) ?? refuseSecondWorker(before, hello)
  if (refusal !== undefined) return { state: before, effects: [{ type: 'send', peer, message: refusal }] }

  const { state, effects: rewinds } = withNewAttempt(before, hello)
  const compiled = compileOnce(state, hello, context)
  if ('end' in compiled) return failed(state, peer, compiled.end)
  const continues = hello.position.attempt > 0
  const attempt = continues ? hello.position.attempt : state.attempt
  const restore = continues ? undefined : state.restore
  const position: Position = { attempt, step: restore?.position.step ?? hello.position.step }
  const leaseEpoch = state.leaseEpoch + 1
  const lease: Lease = {
    peer,
    hello,
    epoch: leaseEpoch,
    phase: 'starting',
    position,
    planning: {
      planSeq: state.planSeq,
      sentThrough: continues ? resendFrom(state, hello.plannedThrough) : position.step,
    },
    pace: startPace(nowMs, position.step),
    bye: undefined,
  }
  const { received, losses } = withForgotten(state, hello)
  const joined: ControllerState = {
    ...state,
    stage: 'running',
    attempt,
    leaseEpoch,
    lease,
    source: compiled.source,
    received,
    // The next plan begins with the first of their rows.
    editsInFlight: state.editsInFlight.map((edit) => ({ ...edit, planSeq: state.planSeq + 1 })),
  }
  const edited = attempted(() => {
    const ruled = withRules(joined, context)
    const rewound = before.startsNewAttempt ? withFeedbackRewound(ruled) : ruled
    return withEdits(rewound, state.edits, hello, context)
  })
  if ('end' in edited) return failed(state, peer, edited.end)
  const unsupported = unsupportedControl(hello, plannedControls(edited.value))
  if (unsupported !== undefined) return failed(state, peer, unsupported)
  const feedback = decideFeedback(edited.value, context)
  const { state: admitted, effects: edits } = applyRuleEdits(feedback.state, feedback.edits, nowMs, context)
  const welcome: Welcome = {
    type: 'welcome',
    run: context.run,
    attempt,
    leaseEpoch,
    paramsJson: context.paramsJson,
    acked: receivedFrom(admitted, hello.incarnation).durable,
    sampleEvery: context.sampleEvery,
    sampleQuotaBytes: context.sampleQuotaLeft(),
    orphanLimitSeconds: context.orphanLimitSeconds,
    keepCheckpoints: context.keepCheckpoints,
    restorePath: restore?.path ?? '',
    restoreSha256: restore?.sha256 ?? '',
    runSteps: compiled.source.runSteps,
    weighting: context.weighting,
  }
  const { state: planned, effects: plans } = extendPlans(admitted, nowMs)
  const { runSteps } = compiled.source
  return {
    state: planned,
    effects: [
      ...rewinds,
      { type: 'append', body: { type: 'worker-joined', hello, leaseEpoch, attempt, runSteps } },
      ...[...losses, ...compiled.warnings].map((text): Effect => ({
        type: 'append',
        body: { type: 'note', level: 'warning', text, position },
      })),
      { type: 'send', peer, message: welcome },
      ...edits,
      ...feedback.effects,
      ...plans,
      ...openCommands(planned, peer),
    ],
  }
}

/** Begins a new attempt at the step that a restarted script reports, unless it has trained in an attempt of the run already. */
function withNewAttempt(state: ControllerState, { position }: Hello): Transition {
  if (!state.startsNewAttempt) return { state, effects: [] }
  const next = { ...state, startsNewAttempt: false }
  if (position.attempt > 0) return { state: next, effects: [] }
  const rewind = { attempt: state.attempt + 1, toStep: position.step, cause: 'resume' }
  return {
    state: withRewind(next, rewind),
    effects: [{ type: 'append', body: { type: 'rewind', ...rewind } }],
  }
}

/** Drops feedback from after the step at which the run continues. */
function withFeedbackRewound(state: ControllerState): ControllerState {
  return { ...state, feedback: rewindFeedback(state.feedback, state.rules, state.reported.step) }
}

export function onProgress(state: ControllerState, lease: Lease, progress: Progress): Transition {
  const { phase, position } = progress
  const next: Lease = { ...lease, phase, position }
  const changed = phase !== lease.phase
  return {
    state: { ...state, lease: next },
    effects: [
      ...(changed ? [{ type: 'append', body: progress } as const] : []),
      acknowledgement(state, next),
    ],
  }
}

/** The Bye decides how the run ends. The worker is released once the log holds everything it sent. */
export function onBye(
  state: ControllerState,
  lease: Lease,
  bye: Bye,
  context: ControllerContext,
): Transition {
  // The exit of a process that the controller can see says more: its exit code or its signal.
  const isSeen = bye.reason === 'lost' && context.worker !== 'attached'
  const next: ControllerState = {
    ...state,
    lease: { ...lease, bye, position: bye.position },
    end: state.end ?? (isSeen ? undefined : endOfBye(state, bye, context)),
  }
  return { state: next, effects: syncBeforeRelease(next) }
}

export function onWorkerExited(
  state: ControllerState,
  event: Extract<ControllerEvent, { type: 'worker-exited' }>,
  context: ControllerContext,
): Transition {
  const { exitCode, signal, lastLines } = event
  const left: Effect = {
    type: 'append',
    body: { type: 'worker-left', exitCode, signal, lastLines, position: state.reported },
  }
  const end = state.end ?? endOfExit(state, event, context)
  const { state: settled, effects } = settleWithoutWorker(state, 'the worker is gone')
  const finish: readonly Effect[] = state.stage === 'leaving' ? [] : [{ type: 'finish' }]
  return { state: { ...settled, stage: 'leaving', end }, effects: [...effects, left, ...finish] }
}

/** Refuses a worker while another process holds the lease; undefined if none does. */
function refuseSecondWorker(state: ControllerState, hello: Hello) {
  const holder = state.lease?.hello
  if (holder === undefined || holder.incarnation === hello.incarnation) return undefined
  const hint = `the worker "${holder.peer}" (pid ${holder.pid}) trains this run already`
  return { type: 'reject', code: 'lease-held', hint } as const
}

function compileOnce(state: ControllerState, hello: Hello, context: ControllerContext) {
  if (state.source !== undefined) return { source: state.source, warnings: [] }
  const compiled = attempted(() =>
    context.compile({ stepsPerEpoch: hello.stepsPerEpoch, numClasses: hello.numClasses }),
  )
  return 'end' in compiled ? compiled : { source: compiled.value, warnings: compiled.value.warnings }
}

/** The computed value, or the end of the run if the computation fails. */
function attempted<T>(compute: () => T): { readonly value: T } | { readonly end: End } {
  try {
    return { value: compute() }
  } catch (thrown) {
    const error = toAbsgdError(thrown, 'experiment')
    return { end: { status: 'failed', reason: error.message, detail: error.hint ?? '' } }
  }
}

function failed(state: ControllerState, peer: PeerId, end: End): Transition {
  return {
    state: { ...state, end },
    effects: [
      { type: 'send', peer, message: { type: 'reject', code: 'malformed', hint: end.reason } },
      { type: 'kill', signal: 'SIGTERM' },
    ],
  }
}

/** Sends open commands again: the worker may have missed them. It answers a repeated command with its first answer. */
function openCommands(state: ControllerState, peer: PeerId): Effect[] {
  return Object.values(state.pending).flatMap((pending): Effect[] =>
    // An edit is not a command: its rows have been sent again with the plans.
    pending.action.type === 'set'
      ? []
      : [
          {
            type: 'send',
            peer,
            message: {
              type: 'command',
              leaseEpoch: state.leaseEpoch,
              id: commandId(pending),
              action: pending.action,
            },
          },
        ],
  )
}
