/** The two streams of a worker process. Records are numbered, spooled, and kept until the controller has acknowledged them. */
import { streamOf, type Acked, type Body, type Bye, type Gap, type SampleBatch } from '../record/record.js'
import type { LogRecord, Stream } from '../record/record.js'
import type { SpoolWriter } from './spool.js'

export interface TelemetryParts {
  /** The worker's name. */
  readonly origin: string
  readonly incarnation: string
  readonly encode: (record: LogRecord) => Uint8Array
  readonly spool: SpoolWriter
  /** UTC milliseconds. */
  readonly label: () => number
  /** Bytes that may wait to be acknowledged. Samples are dropped above it. */
  readonly limitBytes: number
}

export interface Telemetry {
  append(body: Body): void
  /** Syncs the stream of steps. Returns whether all of its records are on disk or acknowledged. */
  sync(): boolean
  /** Appends samples, unless the quota is used up or the spool is full. One Gap record stands for all that are left out. */
  appendSamples(batch: SampleBatch): void
  /** Appends the Bye, the last record of its stream, and returns it with the last sequences. */
  appendBye(bye: Omit<Bye, 'sent'>): Bye
  /** Begins a lease: the records that the controller lacks count as unsent, and `quotaBytes` of samples may be recorded. */
  welcome(acked: Acked, quotaBytes: number): void
  acknowledge(acked: Acked): void
  /** The last sequence of each stream; 0 for none. */
  lastSequences(): Acked
  /** The last sequences that cannot be sent any more, because a controller has acknowledged them. */
  forgotten(): Acked
  /** The frames that were not sent under this lease yet, scalars first. */
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
    // A frame that could not be spooled is still sent to a living controller.
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

  /** Why a frame of samples cannot be recorded; undefined if it can. */
  function gapReason(frameBytes: number): Gap['reason'] | undefined {
    const { steps, samples } = streams
    const refused = steps.refused > steps.acked || samples.refused > samples.acked
    if (refused || steps.bytes + samples.bytes > parts.limitBytes) return 'spool'
    return frameBytes > quota ? 'quota' : undefined
  }

  return {
    append,
    acknowledge,
    lastSequences: () => ({ steps: lastOf(streams.steps), samples: lastOf(streams.samples) }),
    forgotten: () => ({ steps: streams.steps.acked, samples: streams.samples.acked }),
    sync: () => spool.sync() && streams.steps.refused <= streams.steps.acked,
    appendSamples(batch) {
      if (gap === 'quota') return
      const frame = encode('samples', batch)
      const reason = gapReason(frame.length)
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
  /** The last sequence that could not be spooled; 0 for none. */
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
