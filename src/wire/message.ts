/** What travels on the control sockets, in terms of the domain. Fields: proto/absgd/v1, prose: proto/README.md. */
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

export const PROTOCOL = { major: 1, minor: 2 } as const

/** Admits a peer. */
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
  /** 0 keeps all. */
  readonly keepCheckpoints: number
  /** Empty: start from the beginning, or go on. */
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
}

export interface TelemetryAck {
  readonly type: 'telemetry-ack'
  readonly incarnation: string
  readonly acked: Acked
}

/** Controller to peer. */
export type ToPeer =
  Welcome | Reject | Plan | Command | TelemetryAck | RequestResult | { readonly type: 'released' }

/** Peer to controller. */
export type ToController = Hello | Progress | PlanAck | CommandResult | Bye | Request
