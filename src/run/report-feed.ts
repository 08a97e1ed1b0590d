/** Converts a run's telemetry to reports for any number of readers. */
import type { Evaluation, StepBatch } from '../record/record.js'
import { reportsOf, withEvaluation, type Report, type ReportOptions } from '../history/step-report.js'
import { createAsyncQueue, type AsyncQueue } from '../utils/async-queue.js'

export interface ReportFeed {
  push(body: StepBatch | Evaluation): void
  subscribe(options?: ReportOptions): AsyncIterable<Report>
  /** Calls the listener with every report, before the readers get it. The returned function removes the listener, and returns whether it was still there. */
  listen(listener: (report: Report) => void): () => boolean
  /** Readers get the remaining reports, then end. */
  end(): void
}

export function createReportFeed(stepsPerEpoch: () => number): ReportFeed {
  const readers = new Set<Reader>()
  const listeners = new Set<(report: Report) => void>()
  let lastBatch: StepBatch | undefined
  let ended = false

  function emit(report: Report): void {
    for (const listener of listeners) listener(report)
    for (const reader of readers) offer(reader, report)
  }

  return {
    push(body) {
      if (body.type === 'evaluation') {
        const last = lastBatch === undefined ? undefined : [...reportsOf(lastBatch, stepsPerEpoch())].at(-1)
        if (last !== undefined) emit(withEvaluation(last, body))
        return
      }
      lastBatch = body
      if (readers.size === 0 && listeners.size === 0) return
      for (const report of reportsOf(body, stepsPerEpoch())) emit(report)
    },
    subscribe(options = {}) {
      const reader: Reader = { queue: createAsyncQueue(), options }
      if (ended) reader.queue.end()
      else readers.add(reader)
      return readUntilEnd(reader, () => readers.delete(reader))
    },
    listen(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    end() {
      ended = true
      for (const { queue } of readers) queue.end()
      readers.clear()
    },
  }
}

/** The queue of one reader, and which reports enter it. */
interface Reader {
  readonly queue: AsyncQueue<Report>
  readonly options: ReportOptions
}

function offer({ queue, options: { every = 1, buffer = 'all' } }: Reader, report: Report): void {
  if (report.step % every !== 0 && report.evaluation === undefined) return
  if (buffer === 'latest') queue.clear()
  void queue.put(report)
}

async function* readUntilEnd({ queue }: Reader, leave: () => void): AsyncGenerator<Report> {
  try {
    yield* queue.items()
  } finally {
    leave()
  }
}
