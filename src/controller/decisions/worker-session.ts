/** A worker's comings and goings: admission, signs of life, last word, death. Pure. */
import type { Bye, Hello, Position, Progress } from '../../record/record.js'
import { toAbsgdError } from '../../errors.js'
import type { PeerId } from '../../wire/channel.js'
import type { Welcome } from '../../wire/message.js'
import { decide, withRules } from './feedback.js'
import { extendPlans } from './plan-ahead.js'
import { returnTo } from '../state/feedback-rules.js'
import { acknowledgement, intakeOf, refusalOf, withForgotten, withRewind } from './telemetry.js'
import { resendFrom } from './edits.js'
import { refuseAll } from './requests.js'
import { commandId } from './restore.js'
import { unmetControl } from './compatibility.js'
import { endOfBye, endOfExit } from './run-end.js'
import { plannedControls, withEdits } from './rows.js'
import { startPace } from '../state/plans.js'
import type {
  ControllerContext,
  ControllerEvent,
  ControllerState,
  Effect,
  End,
  Lease,
  Transition,
} from '../state/state.js'

/**
 * Admits a worker: a first one, one that restores a checkpoint, or one that goes on after this or an earlier controller
 * lost sight of it.
 */
export function onHello(
  before: ControllerState,
  peer: PeerId,
  hello: Hello,
  nowMs: number,
  context: ControllerContext,
): Transition {
  const refusal = refusalOf(hello, context) ?? weightingRefusal(hello, context) ?? leaseRefusal(before, hello)
  if (refusal !== undefined) return { state: before, effects: [{ type: 'send', peer, message: refusal }] }

  const { state, effects: returned } = begun(before, hello)
  const compiled = compileOnce(state, hello, context)
  if ('end' in compiled) return failed(state, peer, compiled.end)
  const goesOn = hello.position.attempt > 0
  const attempt = goesOn ? hello.position.attempt : state.attempt
  const restore = goesOn ? undefined : state.restore
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
      sentThrough: goesOn ? resendFrom(state, hello.plannedThrough) : position.step,
    },
    pace: startPace(nowMs, position.step),
    bye: undefined,
  }
  const { intake, lost } = withForgotten(state, hello)
  const joined: ControllerState = {
    ...state,
    stage: 'running',
    attempt,
    leaseEpoch,
    lease,
    source: compiled.source,
    intake,
    // The first plan that goes out now begins with the first of their rows.
    awaiting: state.awaiting.map((awaited) => ({ ...awaited, planSeq: state.planSeq + 1 })),
  }
  const laid = attempted(() => {
    const ruled = withRules(joined, context)
    return withEdits(before.beginsAnew ? forgetful(ruled) : ruled, state.edits, hello, context)
  })
  if ('end' in laid) return failed(state, peer, laid.end)
  const unmet = unmetControl(hello, plannedControls(laid.value))
  if (unmet !== undefined) return failed(state, peer, unmet)
  const { state: admitted, effects: decisions } = decide(laid.value, context)
  const welcome: Welcome = {
    type: 'welcome',
    run: context.run,
    attempt,
    leaseEpoch,
    paramsJson: context.paramsJson,
    acked: intakeOf(admitted, hello.incarnation).durable,
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
      ...returned,
      { type: 'append', body: { type: 'worker-joined', hello, leaseEpoch, attempt, runSteps } },
      ...[...lost, ...compiled.warnings].map((text): Effect => ({
        type: 'append',
        body: { type: 'note', level: 'warning', text, position },
      })),
      { type: 'send', peer, message: welcome },
      ...decisions,
      ...plans,
      ...unanswered(planned, peer),
    ],
  }
}

/** A new attempt begins where its worker says, unless it has trained in this one already. */
function begun(state: ControllerState, { position }: Hello): Transition {
  if (!state.beginsAnew) return { state, effects: [] }
  const next = { ...state, beginsAnew: false }
  if (position.attempt > 0) return { state: next, effects: [] }
  const rewind = { attempt: state.attempt + 1, toStep: position.step, cause: 'resume' }
  return {
    state: withRewind(next, rewind),
    effects: [{ type: 'append', body: { type: 'rewind', ...rewind } }],
  }
}

/** What came after the step at which the run goes on. */
function forgetful(state: ControllerState): ControllerState {
  return { ...state, feedback: returnTo(state.feedback, state.rules, state.reported.step) }
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

/** The worker's last word decides how the run ends; it is released once the log holds everything it sent. */
export function onBye(
  state: ControllerState,
  lease: Lease,
  bye: Bye,
  context: ControllerContext,
): Transition {
  return {
    state: {
      ...state,
      lease: { ...lease, bye, position: bye.position },
      end: state.end ?? endOfBye(state, bye, context),
    },
    effects: [],
  }
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
  const { state: settled, effects } = refuseAll(state, 'the worker is gone')
  const finish: readonly Effect[] = state.stage === 'leaving' ? [] : [{ type: 'finish' }]
  return { state: { ...settled, stage: 'leaving', end }, effects: [...effects, left, ...finish] }
}

/** A worker that skips the field of the rule would train by another one and not say so. */
function weightingRefusal({ protocolMajor, protocolMinor }: Hello, { weighting }: ControllerContext) {
  if (weighting.preset === 'default' || protocolMinor >= WEIGHTING_SINCE_MINOR) return undefined
  const hint = `this run weighs samples by the preset "${weighting.preset}", which the worker's protocol ${protocolMajor}.${protocolMinor} does not know (${protocolMajor}.${WEIGHTING_SINCE_MINOR} does): install the same version of absgd on both sides`
  return { type: 'reject', code: 'protocol', hint } as const
}

function leaseRefusal(state: ControllerState, hello: Hello) {
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

/** What is computed, or how the run ends because it cannot be. */
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

/** A worker that was out of sight may have missed commands; it answers a repeated one from memory. */
function unanswered(state: ControllerState, peer: PeerId): Effect[] {
  return Object.values(state.pending).flatMap((pending): Effect[] =>
    // An edit is no command: it has been sent again with the plans.
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

/** Minor version of the protocol from which on a worker is told the rule of weights. */
const WEIGHTING_SINCE_MINOR = 1
