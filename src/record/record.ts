/**
 * What a run consists of: the records of its log, in terms of the domain. Steps are optimizer steps from 0; a position `step`
 * means that many steps done. Losses and `lambda` are in the units of the task's loss; a `lambda` of ±Infinity is off.
 */
import type { Phase, Position, RunStatus } from './position.js'
import type { ControlEdit, Decided, Edited } from './control-edit.js'
import type { SampleBatch, SampleInfo, SamplePredictions } from './sample-records.js'

export type { Phase, Position, RunStatus } from './position.js'
export type { ControlEdit, Decided, Edited, EditTo, EditWhen } from './control-edit.js'
export type { SampleBatch, SampleInfo, SamplePredictions, StepSamples } from './sample-records.js'

/** Numbers of consecutive steps: one value a step. */
export type StepColumns = Readonly<Record<string, Float64Array>>

/** Statistics of one weighing over the steps of a batch; every array has one value a step. Formulas: proto/README.md. */
export interface Weighing {
  readonly name: string
  readonly n: Uint32Array
  /** log mean exp(loss/lambda); NaN where lambda is off. */
  readonly m: Float64Array
  readonly sumW: Float64Array
  readonly sumW2: Float64Array
  /** Sum of weight times loss: the scalar that was differentiated. */
  readonly sumWL: Float64Array
  readonly maxW: Float64Array
  /** Unweighted. */
  readonly meanLoss: Float64Array
  /** In units of loss; NaN before the first weighing with a finite lambda. */
  readonly freeEnergy: Float64Array
  /** -1, 0 or +1: the normaliser was held by its lower cap, by none, by its upper. */
  readonly capped: Int8Array
  readonly nonFinite: Uint32Array
  /** Weight mass per class, row by row: count × classes; empty without labels. */
  readonly classMass: Float32Array
  /** Share of the batch's samples that are of the class with the most weight; empty where classMass is, or of an older worker. */
  readonly topClassShare: Float32Array
  /** Of the weights before a class factor, NaN in steps without one; absent where no step has one. */
  readonly bare?: {
    /** From even ones, before any floor. */
    readonly kl: Float64Array
    /** Effective sample size. */
    readonly ess: Float64Array
  }
}

export interface StepBatch {
  readonly type: 'step-batch'
  readonly attempt: number
  readonly firstStep: number
  readonly count: number
  /** The controls as the worker applied them, by name; lambda under "lambda". */
  readonly controls: StepColumns
  /** The first is the main one of the run, unless `withoutMain`. */
  readonly weighings: readonly Weighing[]
  /** Set where these steps have no loss of the run's main weighing: see `mainWeighing`. */
  readonly withoutMain?: true
  /** The user's own numbers; NaN where a step has none. */
  readonly metrics: StepColumns
  readonly stepSeconds: Float32Array
  /** Waits for a plan row so far in the worker's process. */
  readonly waits: number
}

export interface Evaluation {
  readonly type: 'evaluation'
  readonly attempt: number
  /** The step after which the model was evaluated. */
  readonly step: number
  readonly split: string
  readonly metrics: Readonly<Record<string, number>>
  /** Row by row, rows are true classes; absent when the task gives none. */
  readonly confusion?: { readonly classes: number; readonly counts: Uint32Array }
  readonly seconds: number
}

export interface CheckpointWritten {
  readonly type: 'checkpoint-written'
  readonly position: Position
  /** Relative to the run directory. */
  readonly path: string
  readonly sha256: string
  readonly bytes: number
  readonly seconds: number
  readonly deleted: readonly string[]
}

export interface Gap {
  readonly type: 'gap'
  readonly attempt: number
  readonly firstStep: number
  readonly reason: 'quota' | 'spool' | 'size'
}

export interface PlanEvent {
  readonly afterStep: number
  readonly kind: 'evaluate' | 'checkpoint'
}

/** Rows for the steps [firstStep, firstStep + count). */
export interface Plan {
  readonly type: 'plan'
  readonly leaseEpoch: number
  readonly planSeq: number
  readonly attempt: number
  readonly firstStep: number
  readonly count: number
  /** `count` values, or one that holds for every row. */
  readonly columns: StepColumns
  readonly events: readonly PlanEvent[]
  /** Steps of the whole run; 0 while unknown. */
  readonly runSteps: number
}

export interface PlanAck {
  readonly type: 'plan-ack'
  readonly leaseEpoch: number
  readonly planSeq: number
  readonly attempt: number
  readonly effectiveFrom: number
}

/** How a worker introduced itself. */
export interface Hello {
  readonly type: 'hello'
  readonly protocolMajor: number
  readonly protocolMinor: number
  readonly run: string
  readonly peer: string
  /** 16 hex digits. */
  readonly incarnation: string
  readonly pid: number
  /** 0 when the data is a stream without length. */
  readonly stepsPerEpoch: number
  readonly datasetSize: number
  readonly numClasses: number
  readonly position: Position
  readonly plannedThrough: number
  readonly versions: Readonly<Record<string, string>>
  readonly device: string
  /** Hyperparameters that the optimizer starts with; and class_balance, 0, where the task has labels. */
  readonly initial: Readonly<Record<string, number>>
  readonly batchSize: number
  /** Telemetry that the worker cannot send any more: what the log lacks of it is lost. Absent for none. */
  readonly forgotten?: Acked
}

export interface Progress {
  readonly type: 'progress'
  readonly leaseEpoch: number
  readonly position: Position
  readonly phase: Phase
  readonly waits: number
  readonly waitedSeconds: number
}

export interface Bye {
  readonly type: 'bye'
  readonly leaseEpoch: number
  readonly reason: 'completed' | 'stopped' | 'failed' | 'orphaned'
  readonly position: Position
  readonly message: string
  readonly traceback: string
  /** Last telemetry sequence, per stream. */
  readonly sent: Acked
}

/** Telemetry sequences, per stream; 0 for none. */
export interface Acked {
  readonly steps: number
  readonly samples: number
}

/** One thing to do, at the worker's next step boundary. */
export type Action =
  | { readonly type: 'pause' }
  | { readonly type: 'resume' }
  | { readonly type: 'step-on'; readonly steps: number }
  | {
      readonly type: 'checkpoint'
      /** Of the controller's own accord: refused where it would be large or slow, and kept apart. */
      readonly automatic?: true
    }
  | {
      readonly type: 'restore'
      readonly step: number
      readonly path: string
      readonly sha256: string
      readonly attempt: number
    }
  | { readonly type: 'evaluate' }
  | { readonly type: 'stop'; readonly checkpoint: boolean }
  /** All of the edits or none. */
  | { readonly type: 'set'; readonly edits: readonly ControlEdit[]; readonly checkpoint: boolean }
  /** Back to the newest checkpoint before the last edit. */
  /** `all`: earlier edits too, where the checkpoint before the last one lies before them. */
  | { readonly type: 'undo'; readonly all?: true }

export interface Request {
  readonly type: 'request'
  readonly id: string
  /** "cli", "script", "cockpit", "guard", "signal". */
  readonly by: string
  readonly why: string
  readonly action: Action
}

export interface RequestResult {
  readonly type: 'request-result'
  readonly id: string
  readonly ok: boolean
  readonly step: number
  readonly message: string
}

/** Everything that a log can hold. */
export type Body =
  | StepBatch
  | SampleBatch
  | SampleInfo
  | SamplePredictions
  | Evaluation
  | CheckpointWritten
  | Gap
  | Plan
  | PlanAck
  | Progress
  | Bye
  | Edited
  | Decided
  | {
      readonly type: 'controller-started'
      readonly version: string
      readonly pid: number
      readonly manifestJson: string
    }
  | {
      readonly type: 'worker-joined'
      readonly hello: Hello
      readonly leaseEpoch: number
      readonly attempt: number
      /** 0 when the run trains until it is stopped. */
      readonly runSteps: number
    }
  | {
      readonly type: 'worker-left'
      readonly exitCode: number | undefined
      readonly signal: string
      readonly lastLines: string
      readonly position: Position
    }
  | { readonly type: 'requested'; readonly request: Request; readonly position: Position }
  | { readonly type: 'settled'; readonly result: RequestResult }
  | { readonly type: 'rewind'; readonly attempt: number; readonly toStep: number; readonly cause: string }
  | {
      readonly type: 'note'
      readonly level: 'info' | 'warning'
      readonly text: string
      readonly position: Position
    }
  | { readonly type: 'summary'; readonly values: Readonly<Record<string, number>> }
  | {
      readonly type: 'run-ended'
      readonly status: RunStatus
      readonly reason: string
      readonly detail: string
      readonly position: Position
    }

/** One entry of a log. (origin, incarnation, stream, seq) names it. */
export interface LogRecord {
  /** "controller" or the worker's name. */
  readonly origin: string
  /** 16 hex digits. */
  readonly incarnation: string
  /** From 1, without holes, per stream of the writer. */
  readonly seq: number
  /** UTC; a label for people, nothing is ordered by it. */
  readonly timeMs: number
  readonly body: Body
}

export type Stream = 'steps' | 'samples'

/** The log file that a record belongs to, as the contract says at the fields of its Record (test/wire/streams.test.ts). */
export function streamOf({ type }: Body): Stream {
  return type === 'sample-batch' || type === 'sample-info' || type === 'sample-predictions'
    ? 'samples'
    : 'steps'
}
