/** What the controller knows, what can happen to it, and what it may do. Pure data. */
import type { RecordName } from '../../record/record-id.js'
import type {
  Acked,
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
import type { RewindPoint } from '../../history/visible-history.js'
import type { WeightingRule } from '../../record/weighting-rule.js'
import type { PeerId } from '../../wire/channel.js'
import type { CommandResult, ToController, ToPeer } from '../../wire/message.js'
import type { EditEntry } from '../../history/edit-history.js'
import type { EditedRun, EditTo } from '../../record/control-edit.js'
import type { Layer, LayerTo } from '../../schedule/edit-layers.js'
import type { ColdStart } from '../../schedule/feedback/cold-start.js'
import type { GuardOptions } from '../../schedule/feedback/guard.js'
import { startFeedback, type ControlRule, type Feedback } from './feedback-rules.js'
import type { Pace, Planning, RowSource } from './plans.js'

/** A worker that holds the lease. */
export interface Lease {
  readonly peer: PeerId
  readonly hello: Hello
  readonly epoch: number
  readonly phase: Phase
  /** Where the worker said it stands; its reports may be behind. */
  readonly position: Position
  readonly planning: Planning
  readonly pace: Pace
  /** Its last word. */
  readonly bye: Bye | undefined
}

/** Telemetry taken from one worker process. */
export interface Intake {
  readonly incarnation: string
  /** In the log's buffer. */
  readonly appended: Acked
  /** On disk. */
  readonly durable: Acked
}

/** Edits whose rows are on their way to the worker. */
export interface Awaited {
  /** Of the request. */
  readonly id: string
  /** The first plan with them. */
  readonly planSeq: number
  /** First step of that plan. */
  readonly from: number
  /** For whoever asked. */
  readonly message: string
}

/** A request whose answer is awaited. */
export interface Pending {
  readonly request: Request
  /** Where the answer goes; absent for requests made in this process. */
  readonly peer: PeerId | undefined
  readonly action: Action
  /** Of a return to a checkpoint: why newer ones than that of `action` could not be used. */
  readonly refusals?: readonly string[]
  /** Of a checkpoint that the worker has written, whose record is still on its way. */
  readonly written?: { readonly attempt: number; readonly result: CommandResult }
}

export interface ControllerState {
  readonly stage:
    | 'connecting' // no worker has been admitted yet
    | 'running' // a worker holds the lease
    | 'leaving' // the worker said its last word, or its process is gone; the log is being completed
    | 'ended'
  /** Under which the worker trains, or will once it is admitted. */
  readonly attempt: number
  /** Of the last worker admitted; 0 before the first. */
  readonly leaseEpoch: number
  /** Of the last plan of the run. */
  readonly planSeq: number
  readonly lease: Lease | undefined
  /** The run in steps, from the first Hello on. */
  readonly source: RowSource | undefined
  /** To be restored by the next worker that starts afresh. */
  readonly restore: CheckpointWritten | undefined
  /** Whether the next worker begins a new attempt, at the step that its Hello says: what it restores is its own. */
  readonly beginsAnew: boolean
  readonly intake: readonly Intake[]
  /** Steps reported in this attempt, as far as the log has them. */
  readonly reported: Position
  /** Of the visible history, by step. */
  readonly checkpoints: readonly CheckpointWritten[]
  readonly rewinds: readonly RewindPoint[]
  readonly pending: Readonly<Record<string, Pending>>
  /** Of the visible history, in the order in which they were accepted. */
  readonly edits: readonly EditEntry[]
  /** The same, to be laid over the experiment's rows; empty until a worker has joined. */
  readonly layers: readonly Layer[]
  readonly awaiting: readonly Awaited[]
  /** Stretches of controls that are decided while the run trains; empty until a worker has joined. */
  readonly rules: readonly ControlRule[]
  readonly feedback: Feedback
  /** Of a run that may start with a small |lambda|: rows are planned no further than its lag at first. */
  readonly cold: ColdStart | undefined
  /** Monotonic milliseconds of the last automatic checkpoint asked for. */
  readonly automaticMs: number
  /** The last ones, for requests that are repeated. */
  readonly answers: Readonly<Record<string, RequestResult>>
  /** How the run is to be marked once the worker has stopped. */
  readonly stopping: 'stopped' | 'interrupted' | undefined
  /** How the run ends, once that is decided. */
  readonly end: End | undefined
}

export interface End {
  readonly status: RunStatus
  readonly reason: string
  readonly detail: string
}

/** What never changes during a run. */
export interface ControllerContext {
  readonly run: string
  readonly paramsJson: string
  /** A served task returns to our checkpoints; a script keeps its state by itself, whoever starts it. */
  readonly worker: 'task' | 'script' | 'attached'
  readonly sampleEvery: number
  /** Bytes of samples that the log may still take. */
  sampleQuotaLeft(): number
  readonly orphanLimitSeconds: number
  readonly keepCheckpoints: number
  readonly weighting: WeightingRule
  /** Undefined where nobody watches over lambda. */
  readonly guard: GuardOptions | undefined
  /** Turns durations into steps; throws AbsgdError where that cannot be done. */
  compile(facts: {
    stepsPerEpoch: number
    numClasses?: number
  }): RowSource & { readonly warnings: readonly string[] }
  /** What an edit does from the step `from` on; throws AbsgdError where it may not. */
  compileEdit(control: string, to: EditTo, from: number, run: EditedRun): LayerTo
  /** Throws AbsgdError for values that the control does not take. */
  requireInRange(control: string, values: Float64Array): void
}

/** What can happen. Times are monotonic milliseconds. */
export type ControllerEvent =
  | {
      readonly type: 'message'
      readonly peer: PeerId
      readonly message: ToController
      readonly nowMs: number
    }
  /** A record that continues its stream; see `acceptance` for what is not. */
  | {
      readonly type: 'telemetry'
      readonly name: RecordName
      /** Undefined for one that this version cannot read. */
      readonly body: Body | undefined
      readonly nowMs: number
    }
  /** Everything appended up to these sequences is on disk. */
  | { readonly type: 'durable'; readonly intake: readonly Intake[] }
  /** A request made in this process. */
  | { readonly type: 'request'; readonly request: Request; readonly nowMs: number }
  /** Ctrl-C or SIGTERM. */
  | { readonly type: 'interrupt'; readonly id: string; readonly nowMs: number }
  | {
      readonly type: 'worker-exited'
      readonly exitCode: number | undefined
      readonly signal: string
      readonly lastLines: string
    }
  /** A checkpoint of a worker that died before it had recorded it. */
  | { readonly type: 'checkpoint-found'; readonly body: CheckpointWritten }
  /** The worker's process is still alive, but has not said Hello within the limit. */
  | { readonly type: 'hello-overdue'; readonly seconds: number }

/** What the controller may do. Effects are carried out in order: what is appended comes before what is sent. */
export type Effect =
  | { readonly type: 'append'; readonly body: Body }
  | { readonly type: 'send'; readonly peer: PeerId; readonly message: ToPeer }
  /** To whoever made a request in this process. */
  | { readonly type: 'answer'; readonly result: RequestResult }
  | { readonly type: 'report'; readonly body: StepBatch | Evaluation }
  | { readonly type: 'kill'; readonly signal: 'SIGTERM' | 'SIGKILL' }
  /** The worker has no more to say: wait for its process, complete the log, and end. */
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
    beginsAnew: false,
    intake: [],
    reported: { attempt: 0, step: 0 },
    checkpoints: [],
    rewinds: [],
    pending: {},
    edits: [],
    layers: [],
    awaiting: [],
    rules: [],
    feedback: startFeedback(),
    cold: undefined,
    automaticMs: -Infinity,
    answers: {},
    stopping: undefined,
    end: undefined,
  }
}

/**
 * Whether a telemetry record continues its stream, was taken before, or shows that something is missing in between.
 * What is missing comes again after the worker's next Hello.
 */
export function acceptance(
  state: Pick<ControllerState, 'intake'>,
  { incarnation, stream, seq }: RecordName,
): 'next' | 'duplicate' | 'hole' | 'stranger' {
  const taken = state.intake.find((intake) => intake.incarnation === incarnation)?.appended
  if (taken === undefined) return 'stranger'
  if (seq <= taken[stream]) return 'duplicate'
  return seq === taken[stream] + 1 ? 'next' : 'hole'
}
