/**
 * The records of the log of a run. Steps are optimizer steps, counted from 0; a position `step` means that many steps are done.
 * Losses and `lambda` are in the units of the task's loss; a `lambda` of ±Infinity is off.
 */
import type { Phase, Position, RunStatus } from './position.js'
import type { ControlEdit, Decided, Edited } from './control-edit.js'
import type { SampleBatch, SampleInfo, SamplePredictions } from './sample-records.js'

export type { Phase, Position, RunStatus } from './position.js'
export type { ControlEdit, Decided, Edited, EditTo, EditWhen } from './control-edit.js'
export type { SampleBatch, SampleInfo, SamplePredictions, StepSamples } from './sample-records.js'

/** Numbers of consecutive steps, by name: one value for each step. */
export type StepColumns = Readonly<Record<string, Float64Array>>

/** Statistics of one weighing over consecutive steps; each array has one value for each step. Formulas: proto/README.md. */
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
  /** Unweighted mean loss. */
  readonly meanLoss: Float64Array
  /** In units of loss; NaN before the first weighing with a finite lambda. */
  readonly freeEnergy: Float64Array
  /** -1: the normaliser was limited by its lower cap; +1: by its upper cap; 0: not limited. */
  readonly capped: Int8Array
  readonly nonFinite: Uint32Array
  /** Weight mass per class, row by row: count × classes; empty without labels. */
  readonly classMass: Float32Array
  /** Share of the batch's samples that have the class with the most weight. Empty if classMass is empty, or an older worker wrote it. */
  readonly topClassShare: Float32Array
  /** Figures of the weights before the class factor: NaN in steps without a class factor; absent if no step has one. */
  readonly bare?: {
    /** KL divergence from even weights, before any floor, in nats. */
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
  /** The first one is the main weighing of the run, unless `withoutMain` is set. */
  readonly weighings: readonly Weighing[]
  /** Set if these steps have no loss of the run's main weighing: see `mainWeighing`. */
  readonly withoutMain?: true
  /** Numbers that the task or script logged; NaN in steps without one. */
  readonly metrics: StepColumns
  readonly stepSeconds: Float32Array
  /** How often this worker process has waited for a plan row so far. */
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
  /** `count` values, or a single value for all rows. */
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

/** The first message of a worker. */
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
  /** Initial hyperparameters of the optimizer; also class_balance = 0 if the task has labels. */
  readonly initial: Readonly<Record<string, number>>
  readonly batchSize: number
  /** Last telemetry sequences that the worker can no longer send. Those that the log lacks are lost. Absent: none. */
  readonly forgotten?: Acked
  /** Process id of the worker's courier. Absent: it has none. */
  readonly courierPid?: number
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
  readonly reason: 'completed' | 'stopped' | 'failed' | 'orphaned' | 'lost'
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

/** A command that the worker executes between two steps. */
export type Action =
  | { readonly type: 'pause' }
  | { readonly type: 'resume' }
  | { readonly type: 'step-on'; readonly steps: number }
  | {
      readonly type: 'checkpoint'
      /** The controller itself asks for it. It is refused if it would be large or slow, and is stored apart from other checkpoints. */
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
  /** Returns to the newest checkpoint before the last edit. `all`: also if that takes back earlier edits. */
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

/** The content of a record. */
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

/** One entry of a log. (origin, incarnation, stream, seq) identifies it. */
export interface LogRecord {
  /** "controller" or the worker's name. */
  readonly origin: string
  /** 16 hex digits. */
  readonly incarnation: string
  /** Consecutive numbers from 1, for each stream of a writer. */
  readonly seq: number
  /** UTC, in milliseconds. For display only; nothing is ordered by it. */
  readonly timeMs: number
  /** What a worker's courier has taken from the memory that it shares with training. Readers of a log ignore it. */
  readonly covered?: Covered
  readonly body: Body
}

/** A record in the shared memory of a worker, and how many of its parts are covered; 4294967295 for all. */
export interface Covered {
  readonly number: number
  readonly parts: number
}

export type Stream = 'steps' | 'samples'

/** The log file that a record belongs to, as proto/absgd/v1/record.proto states it for each kind (test/wire/streams.test.ts). */
export function streamOf({ type }: Body): Stream {
  return type === 'sample-batch' || type === 'sample-info' || type === 'sample-predictions'
    ? 'samples'
    : 'steps'
}
