/** Which telemetry the log holds of each worker process, and whether a record continues its stream. Pure. */
import type { RecordName } from '../../record/record-id.js'
import type { Acked, Hello } from '../../record/record.js'

/** The telemetry of one worker process: the last sequence of each stream. */
export interface ReceivedTelemetry {
  readonly incarnation: string
  /** Written into the log's buffer. */
  readonly appended: Acked
  /** On disk. */
  readonly durable: Acked
}

interface WithReceived {
  readonly received: readonly ReceivedTelemetry[]
}

export function nothingReceived(incarnation: string): ReceivedTelemetry {
  return { incarnation, appended: { steps: 0, samples: 0 }, durable: { steps: 0, samples: 0 } }
}

export function receivedFrom({ received }: WithReceived, incarnation: string): ReceivedTelemetry {
  return received.find((entry) => entry.incarnation === incarnation) ?? nothingReceived(incarnation)
}

/**
 * Where a telemetry record stands in its stream: the next one, a duplicate, behind records that are missing, or from a worker that was
 * never admitted. The worker sends missing records again after its next Hello.
 */
export function placeInStream(
  { received }: WithReceived,
  { incarnation, stream, seq }: RecordName,
): 'next' | 'duplicate' | 'behind-missing' | 'unknown-worker' {
  const last = received.find((entry) => entry.incarnation === incarnation)?.appended[stream]
  if (last === undefined) return 'unknown-worker'
  if (seq <= last) return 'duplicate'
  return seq === last + 1 ? 'next' : 'behind-missing'
}

/** The record was written into the log's buffer. */
export function withAppended(
  received: readonly ReceivedTelemetry[],
  { incarnation, stream, seq }: RecordName,
): readonly ReceivedTelemetry[] {
  return received.map((entry) =>
    entry.incarnation === incarnation ? { ...entry, appended: { ...entry.appended, [stream]: seq } } : entry,
  )
}

/** Everything that was appended when `synced` was taken is on disk now. */
export function withDurable(
  received: readonly ReceivedTelemetry[],
  synced: readonly ReceivedTelemetry[],
): readonly ReceivedTelemetry[] {
  return received.map((entry) => {
    const same = synced.find(({ incarnation }) => incarnation === entry.incarnation)
    return same === undefined ? entry : { ...entry, durable: same.appended }
  })
}

/**
 * Counts as received what the worker cannot send any more. Otherwise the controller would ask for it, and refuse everything
 * after it, without end.
 *
 * @returns what was received of every worker, this one included, and one sentence about each loss
 */
export function withForgotten(
  { received }: WithReceived,
  { incarnation, forgotten = { steps: 0, samples: 0 } }: Hello,
): { readonly received: readonly ReceivedTelemetry[]; readonly losses: readonly string[] } {
  const before = receivedFrom({ received }, incarnation)
  const raised = (acked: Acked) => ({
    steps: Math.max(acked.steps, forgotten.steps),
    samples: Math.max(acked.samples, forgotten.samples),
  })
  const after = { incarnation, appended: raised(before.appended), durable: raised(before.durable) }
  const losses = (['steps', 'samples'] as const).flatMap((stream) => {
    const missing = after.appended[stream] - before.appended[stream]
    return missing === 0
      ? []
      : `${missing} records of ${stream} are missing: an earlier controller acknowledged them, and the log has lost them`
  })
  const isKnown = received.some((entry) => entry.incarnation === incarnation)
  return {
    received: isKnown
      ? received.map((entry) => (entry.incarnation === incarnation ? after : entry))
      : [...received, after],
    losses,
  }
}
