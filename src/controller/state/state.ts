/** The controller's state, its events and its effects. Pure data. */
import type { RecordName } from '../../record/record-id.js'
import type {
  Action,
  Body,
  Bye,
  CheckpointWritten,
  Evaluation,
  Hello,
  Phase,
  Position,
  Request,
  RequestResult,
  RunStatus,
  StepBatch,
} from '../../record/record.js'
import type { RewindPoint } from '../../history/visible-steps.js'
import type { WeightingRule } from '../../record/weighting-rule.js'
import type { PeerId } from '../../wire/channel.js'
import type { CommandResult, ToController, ToPeer } from '../../wire/message.js'
import type { EditEntry } from '../../history/edit-history.js'
import type { EditedRun, EditTo } from '../../record/control-edit.js'
import type { Layer, LayerTo } from '../../schedule/edit-layers.js'
import type { ColdStart } from '../../schedule/feedback/cold-start.js'
import type { GuardOptions } from '../../schedule/feedback/guard.js'
import { startFeedback, type ControlRule, type Feedback } from './feedback-decisions.js'
import type { Pace, Planning, RowSource } from './plans.js'
import type { ReceivedTelemetry } from './received-telemetry.js'

/** The worker that holds the lease. */
export interface Lease {
  readonly peer: PeerId
  readonly hello: Hello
  readonly epoch: number
  readonly phase: Phase
  /** The position of the worker's last message; its reports may be behind. */
  readonly position: Position
  readonly planning: Planning
  readonly pace: Pace
  /** Its last message, once it has come. */
  readonly bye: Bye | undefined
}

/** Edits whose rows are on their way to the worker. */
export interface EditsInFlight {
  /** The id of their request. */
  readonly id: string
  /** The first plan with their rows. */
  readonly planSeq: number
  /** First step of that plan. */
  readonly from: number
  /** The reply to the request. */
  readonly message: string
}

/** A request without a reply yet. */
export interface Pending {
  readonly request: Request
  /** The sender; undefined for a request of this process. */
  readonly peer: PeerId | undefined
  /** The command that the worker was sent for it. */
  readonly action: Action
  /** For a restore: why checkpoints newer than that of `action` could not be used. */
  readonly refusals?: readonly string[]
  /** The worker's answer, kept until the log holds the records that came before it. */
  readonly result?: CommandResult
}

export interface ControllerState {
  readonly stage:
    | 'connecting' // no worker has been admitted yet
    | 'running' // a worker holds the lease
    | 'leaving' // the worker has left or is released; the log is being completed
    | 'ended'
  /** The attempt of the worker, or of the next one to be admitted. */
  readonly attempt: number
  /** The epoch of the last lease; 0 before the first. */
  readonly leaseEpoch: number
  /** The sequence of the run's last plan. */
  readonly planSeq: number
  readonly lease: Lease | undefined
  /** The run's rows by step; undefined before the first Hello. */
  readonly source: RowSource | undefined
  /** The checkpoint that the next new worker restores. */
  readonly restore: CheckpointWritten | undefined
  /** Whether the next worker, a script that restores its own state, begins a new attempt at the step of its Hello. */
  readonly startsNewAttempt: boolean
  readonly received: readonly ReceivedTelemetry[]
  /** The position after the last report in the log. */
  readonly reported: Position
  /** Those of the visible history, ascending by step. */
  readonly checkpoints: readonly CheckpointWritten[]
  readonly rewinds: readonly RewindPoint[]
  /** By id of the request. */
  readonly pending: Readonly<Record<string, Pending>>
  /** Those of the visible history, in the order in which they were accepted. */
  readonly edits: readonly EditEntry[]
  /** The edits, compiled for the experiment's rows; empty until a worker has joined. */
  readonly layers: readonly Layer[]
  readonly editsInFlight: readonly EditsInFlight[]
  /** The feedback rules of controls and the steps that they decide; empty until a worker has joined. */
  readonly rules: readonly ControlRule[]
  readonly feedback: Feedback
  /** For a run that may start with a small |lambda|: rows are planned only as far as this lag at first. */
  readonly cold: ColdStart | undefined
  /** Monotonic milliseconds of the last automatic checkpoint command. */
  readonly automaticMs: number
  /** The last replies by id, for requests that are repeated. */
  readonly replies: Readonly<Record<string, RequestResult>>
  /** The status of the run once the worker has stopped. */
  readonly stopping: 'stopped' | 'interrupted' | undefined
  /** How the run ends, once that is decided. */
  readonly end: End | undefined
}

export interface End {
  readonly status: RunStatus
  readonly reason: string
  readonly detail: string
}

/** The facts and functions that do not change during a run. */
export interface ControllerContext {
  readonly run: string
  readonly paramsJson: string
  /** A task restores the worker's checkpoints; a script saves and restores its own state. */
  readonly worker: 'task' | 'script' | 'attached'
  readonly sampleEvery: number
  /** Bytes that may still be added to the log of samples. */
  sampleQuotaLeft(): number
  readonly orphanLimitSeconds: number
  readonly keepCheckpoints: number
  readonly weighting: WeightingRule
  /** Undefined if the guard is off. */
  readonly guard: GuardOptions | undefined
  /** Turns durations into steps. Throws AbsgdError if that is impossible. */
  compile(facts: {
    stepsPerEpoch: number
    numClasses?: number
  }): RowSource & { readonly warnings: readonly string[] }
  /** Compiles an edit that holds from the step `from` on. Throws AbsgdError for an edit that is not allowed. */
  compileEdit(control: string, to: EditTo, from: number, run: EditedRun): LayerTo
  /** Throws AbsgdError for values outside of the control's range. */
  requireInRange(control: string, values: Float64Array): void
}

/** The controller's events. Times are monotonic milliseconds. */
export type ControllerEvent =
  | {
      readonly type: 'message'
      readonly peer: PeerId
      readonly message: ToController
      readonly nowMs: number
    }
  /** The next record of its stream; see `placeInStream` for the others. */
  | {
      readonly type: 'telemetry'
      readonly name: RecordName
      /** Undefined for a record that this version cannot read. */
      readonly body: Body | undefined
      readonly nowMs: number
    }
  /** Everything appended up to these sequences is on disk. */
  | { readonly type: 'durable'; readonly received: readonly ReceivedTelemetry[] }
  /** A request of this process. */
  | { readonly type: 'request'; readonly request: Request; readonly nowMs: number }
  /** Ctrl-C or SIGTERM. */
  | { readonly type: 'interrupt'; readonly id: string; readonly nowMs: number }
  | {
      readonly type: 'worker-exited'
      readonly exitCode: number | undefined
      readonly signal: string
      readonly lastLines: string
    }
  /** A checkpoint on disk whose worker died before it had recorded it. */
  | { readonly type: 'checkpoint-found'; readonly body: CheckpointWritten }
  /** The worker's process is alive, but has not sent a Hello within the limit. */
  | { readonly type: 'hello-overdue'; readonly seconds: number }

/** The controller's effects. They are carried out in order: what is appended comes before what is sent. */
export type Effect =
  | { readonly type: 'append'; readonly body: Body }
  | { readonly type: 'send'; readonly peer: PeerId; readonly message: ToPeer }
  /** The reply to a request of this process. */
  | { readonly type: 'reply'; readonly result: RequestResult }
  | { readonly type: 'report'; readonly body: StepBatch | Evaluation }
  | { readonly type: 'kill'; readonly signal: 'SIGTERM' | 'SIGKILL' }
  /** Bring the log to the disk now, not at the next interval: a worker waits for its release. */
  | { readonly type: 'sync' }
  /** The worker sends nothing more: wait for its process, complete the log, and end. */
  | { readonly type: 'finish' }

export interface Transition {
  readonly state: ControllerState
  readonly effects: readonly Effect[]
}

export function initialState(): ControllerState {
  return {
    stage: 'connecting',
    attempt: 1,
    leaseEpoch: 0,
    planSeq: 0,
    lease: undefined,
    source: undefined,
    restore: undefined,
    startsNewAttempt: false,
    received: [],
    reported: { attempt: 0, step: 0 },
    checkpoints: [],
    rewinds: [],
    pending: {},
    edits: [],
    layers: [],
    editsInFlight: [],
    rules: [],
    feedback: startFeedback(),
    cold: undefined,
    automaticMs: -Infinity,
    replies: {},
    stopping: undefined,
    end: undefined,
  }
}
