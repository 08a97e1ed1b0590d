/** The two ends of a run's sockets. The ZeroMQ twin is `zmq-channel.ts`, the one in memory `memory-channel.ts`. */
import type { RecordName } from '../record/record-id.js'
import type { LogRecord } from '../record/record.js'
import type { ToController, ToPeer } from './message.js'

/** Addresses a peer's answers for as long as its connection lasts. Never an identity. */
export type PeerId = string

export type Incoming =
  | { readonly type: 'control'; readonly peer: PeerId; readonly message: ToController }
  /** `bytes` is the record as it came, to be appended verbatim. */
  | { readonly type: 'telemetry'; readonly record: LogRecord; readonly bytes: Uint8Array }
  /**
   * Telemetry that names itself but cannot be read: of a kind that a newer version knows, or, with a `reason`, one that
   * breaks the contract. To be appended all the same, so that its stream has no hole.
   */
  | {
      readonly type: 'unread'
      readonly name: RecordName
      readonly bytes: Uint8Array
      readonly reason?: string
    }
  /** A frame that did not decode. `peer` is absent for telemetry. */
  | { readonly type: 'malformed'; readonly peer?: PeerId; readonly reason: string }

/** The controller's end: bound. */
export interface ControllerChannel {
  readonly endpoints: Endpoints
  /** Never blocks; messages to one peer keep their order. To a peer that is gone it does nothing. */
  send(peer: PeerId, message: ToPeer): void
  /** Everything that arrives, until `close`. To be consumed once. */
  incoming(): AsyncIterable<Incoming>
  /** Sends what is queued for at most a second, then lets go. May be called twice. */
  close(): Promise<void>
}

/** A peer's end: connected. Operators and workers written in TypeScript use it. */
export interface PeerChannel {
  send(message: ToController): void
  /** Telemetry; workers only. */
  report(record: LogRecord): void
  /** The same for a record that was encoded already; it must not change any more. */
  reportBytes(bytes: Uint8Array): void
  incoming(): AsyncIterable<ToPeer>
  close(): Promise<void>
}

export interface Endpoints {
  readonly control: string
  readonly telemetry: string
}
