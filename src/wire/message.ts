/** The messages of the control socket. proto/absgd/v1 describes their fields, proto/README.md their use. */
import type {
  Acked,
  Action,
  Bye,
  Hello,
  Plan,
  PlanAck,
  Progress,
  Request,
  RequestResult,
} from '../record/record.js'
import type { WeightingRule } from '../record/weighting-rule.js'

export const PROTOCOL = { major: 1, minor: 4 } as const

/** Introduces an operator. */
export interface OperatorHello {
  readonly type: 'operator-hello'
  readonly protocolMajor: number
  readonly protocolMinor: number
  /** Empty for whatever run the controller drives. */
  readonly run: string
  /** "cli", "cockpit", …; for people. */
  readonly name: string
}

/** Admits an operator. */
export interface OperatorWelcome {
  readonly type: 'operator-welcome'
  readonly run: string
  readonly protocolMajor: number
  readonly protocolMinor: number
}

/** Admits a worker. */
export interface Welcome {
  readonly type: 'welcome'
  readonly run: string
  readonly attempt: number
  readonly leaseEpoch: number
  readonly paramsJson: string
  readonly acked: Acked
  /** Steps t with t % every === 0 have their samples recorded; 0 for none. */
  readonly sampleEvery: number
  readonly sampleQuotaBytes: number
  readonly orphanLimitSeconds: number
  /** Number of checkpoints to keep; 0 for all. */
  readonly keepCheckpoints: number
  /** Empty to start from the beginning, or to continue. */
  readonly restorePath: string
  readonly restoreSha256: string
  /** Steps of the whole run; 0 while unknown. */
  readonly runSteps: number
  readonly weighting: WeightingRule
}

export type RejectCode = 'protocol' | 'lease-held' | 'wrong-run' | 'no-lease' | 'malformed'

export interface Reject {
  readonly type: 'reject'
  readonly code: RejectCode
  readonly hint: string
}

export interface Command {
  readonly type: 'command'
  readonly leaseEpoch: number
  readonly id: string
  readonly action: Action
}

export interface CommandResult {
  readonly type: 'command-result'
  readonly leaseEpoch: number
  readonly id: string
  readonly ok: boolean
  readonly step: number
  readonly message: string
  /**
   * Sequence of the last record in the stream of steps that came before this result; 0 for none. Absent from workers of protocol
   * 1.2 and before.
   */
  readonly follows?: number
}

export interface TelemetryAck {
  readonly type: 'telemetry-ack'
  readonly incarnation: string
  readonly acked: Acked
}

/** Controller to peer. */
export type ToPeer =
  | Welcome
  | OperatorWelcome
  | Reject
  | Plan
  | Command
  | TelemetryAck
  | RequestResult
  | { readonly type: 'released' }

/** Peer to controller. */
export type ToController = Hello | OperatorHello | Progress | PlanAck | CommandResult | Bye | Request
