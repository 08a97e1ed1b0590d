/** The two ends of a run's sockets. `zmq-channel.ts` implements them over ZeroMQ, `memory-channel.ts` in memory. */
import type { RecordName } from '../record/record-id.js'
import type { LogRecord } from '../record/record.js'
import type { ToController, ToPeer } from './message.js'

/** Addresses messages to a peer while its connection lasts. It does not identify the peer: a `Hello` does. */
export type PeerId = string

export type Incoming =
  | { readonly type: 'control'; readonly peer: PeerId; readonly message: ToController }
  /** `bytes` is the encoded record, to be appended verbatim. */
  | { readonly type: 'telemetry'; readonly record: LogRecord; readonly bytes: Uint8Array }
  /**
   * Telemetry with a name but an unreadable body: of a kind that only a newer version knows or, with a `reason`, in breach of the
   * contract. It is appended all the same, so that no sequence is missing in its stream.
   */
  | {
      readonly type: 'unread'
      readonly name: RecordName
      readonly bytes: Uint8Array
      readonly reason?: string
    }
  /** A frame that could not be decoded. `peer` is absent for telemetry. */
  | { readonly type: 'malformed'; readonly peer?: PeerId; readonly reason: string }

/** The controller's end: bound. */
export interface ControllerChannel {
  readonly endpoints: Endpoints
  /** Never blocks. Messages to one peer keep their order; messages to a peer that is gone are dropped. */
  send(peer: PeerId, message: ToPeer): void
  /** Everything that arrives, until `close`. May be iterated once. */
  incoming(): AsyncIterable<Incoming>
  /** Sends queued messages for at most a second, then closes the sockets. May be called twice. */
  close(): Promise<void>
}

/** A peer's end: connected. Operators and simulated workers use it. */
export interface PeerChannel {
  send(message: ToController): void
  /** Sends telemetry. Workers only. */
  report(record: LogRecord): void
  /** Sends an encoded record. The bytes must not change afterwards. */
  reportBytes(bytes: Uint8Array): void
  incoming(): AsyncIterable<ToPeer>
  close(): Promise<void>
}

export interface Endpoints {
  readonly control: string
  readonly telemetry: string
}
