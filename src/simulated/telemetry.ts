/** The two streams of a worker process: numbered, spooled, and kept until the controller's log has them. */
import { streamOf, type Acked, type Body, type Bye, type Gap, type SampleBatch } from '../record/record.js'
import type { LogRecord, Stream } from '../record/record.js'
import type { TelemetrySpool } from './store.js'

export interface TelemetryParts {
  /** The worker's name. */
  readonly origin: string
  readonly incarnation: string
  readonly encode: (record: LogRecord) => Uint8Array
  readonly spool: TelemetrySpool
  /** UTC milliseconds. */
  readonly label: () => number
  /** Bytes that may wait for a controller: samples are dropped above it. */
  readonly limitBytes: number
}

export interface Telemetry {
  append(body: Body): void
  /** Whether every record of the steps so far is on disk for good, or acknowledged. */
  sync(): boolean
  /** Unless the quota is used up or the spool full: then one Gap is recorded for all that is left out. */
  appendSamples(batch: SampleBatch): void
  /** The last word, as it is recorded: itself the last of its stream. */
  appendBye(bye: Omit<Bye, 'sent'>): Bye
  /** Sends again what the controller does not have; `quotaBytes` of samples may be recorded. */
  welcome(acked: Acked, quotaBytes: number): void
  acknowledge(acked: Acked): void
  /** What it cannot send any more, as a controller had it. */
  forgotten(): Acked
  /** The frames not sent since the last welcome, scalars first. */
  unsent(): Generator<Uint8Array, void, undefined>
}

export function createTelemetry(parts: TelemetryParts): Telemetry {
  const { origin, incarnation, spool } = parts
  const streams: Record<Stream, Backlog> = { steps: emptyBacklog(), samples: emptyBacklog() }
  let quota = Infinity
  let gap: Gap['reason'] | undefined

  function encode(stream: Stream, body: Body): Uint8Array {
    const seq = lastOf(streams[stream]) + 1
    return parts.encode({ origin, incarnation, seq, timeMs: parts.label(), body })
  }

  function push(stream: Stream, frame: Uint8Array): void {
    const backlog = streams[stream]
    backlog.frames.push(frame)
    backlog.bytes += frame.length
    // What the disk refuses still reaches a living controller.
    if (!spool.append(stream, frame)) backlog.refused = lastOf(backlog)
  }

  function append(body: Body): void {
    const stream = streamOf(body)
    push(stream, encode(stream, body))
  }

  function acknowledge(acked: Acked): void {
    for (const stream of STREAMS) forget(streams[stream], acked[stream])
    spool.acknowledge({ steps: streams.steps.acked, samples: streams.samples.acked })
  }

  /** Why the samples cannot be kept. */
  function obstacle(frameBytes: number): Gap['reason'] | undefined {
    const { steps, samples } = streams
    const refused = steps.refused > steps.acked || samples.refused > samples.acked
    if (refused || steps.bytes + samples.bytes > parts.limitBytes) return 'spool'
    return frameBytes > quota ? 'quota' : undefined
  }

  return {
    append,
    acknowledge,
    forgotten: () => ({ steps: streams.steps.acked, samples: streams.samples.acked }),
    sync: () => spool.sync() && streams.steps.refused <= streams.steps.acked,
    appendSamples(batch) {
      if (gap === 'quota') return
      const frame = encode('samples', batch)
      const reason = obstacle(frame.length)
      if (reason !== undefined && reason !== gap) {
        append({ type: 'gap', attempt: batch.attempt, firstStep: batch.steps[0]!.step, reason })
      }
      gap = reason
      if (reason !== undefined) return
      push('samples', frame)
      quota -= frame.length
    },
    appendBye(bye) {
      const sent = { steps: lastOf(streams.steps) + 1, samples: lastOf(streams.samples) }
      append({ ...bye, sent })
      return { ...bye, sent }
    },
    welcome(acked, quotaBytes) {
      acknowledge(acked)
      for (const stream of STREAMS) streams[stream].sent = streams[stream].acked
      quota = quotaBytes - streams.samples.bytes
      if (gap === 'quota' && quota > 0) gap = undefined
    },
    *unsent() {
      for (const stream of STREAMS) {
        const backlog = streams[stream]
        while (backlog.sent < lastOf(backlog)) {
          backlog.sent += 1
          yield backlog.frames[backlog.sent - backlog.acked - 1]!
        }
      }
    },
  }
}

/** One stream's frames from `acked + 1` on. */
interface Backlog {
  readonly frames: Uint8Array[]
  bytes: number
  acked: number
  sent: number
  /** The last that the disk refused; 0 for none. */
  refused: number
}

function emptyBacklog(): Backlog {
  return { frames: [], bytes: 0, acked: 0, sent: 0, refused: 0 }
}

function lastOf({ acked, frames }: Backlog): number {
  return acked + frames.length
}

function forget(backlog: Backlog, through: number): void {
  const gone = Math.min(through, lastOf(backlog)) - backlog.acked
  if (gone <= 0) return
  for (const frame of backlog.frames.splice(0, gone)) backlog.bytes -= frame.length
  backlog.acked += gone
  backlog.sent = Math.max(backlog.sent, backlog.acked)
}

const STREAMS: readonly Stream[] = ['steps', 'samples']
