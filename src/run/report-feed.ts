/** Converts a run's telemetry to reports for any number of readers. */
import type { Evaluation, StepBatch } from '../record/record.js'
import { reportsOf, withEvaluation, type Report, type ReportOptions } from '../history/step-report.js'

export interface ReportFeed {
  push(body: StepBatch | Evaluation): void
  subscribe(options?: ReportOptions): AsyncIterable<Report>
  /** Calls the listener with every report, before the readers get it. The returned function removes the listener, and returns whether it was still there. */
  listen(listener: (report: Report) => void): () => boolean
  /** Readers get the remaining reports, then end. */
  end(): void
}

export function createReportFeed(stepsPerEpoch: () => number): ReportFeed {
  const queues = new Set<ReportQueue>()
  const listeners = new Set<(report: Report) => void>()
  let lastBatch: StepBatch | undefined
  let ended = false

  function emit(report: Report): void {
    for (const listener of listeners) listener(report)
    for (const queue of queues) queue.push(report)
  }

  return {
    push(body) {
      if (body.type === 'evaluation') {
        const last = lastBatch === undefined ? undefined : [...reportsOf(lastBatch, stepsPerEpoch())].at(-1)
        if (last !== undefined) emit(withEvaluation(last, body))
        return
      }
      lastBatch = body
      if (queues.size === 0 && listeners.size === 0) return
      for (const report of reportsOf(body, stepsPerEpoch())) emit(report)
    },
    subscribe(options = {}) {
      const queue = createQueue(options)
      if (ended) queue.end()
      else queues.add(queue)
      return drain(queue, () => queues.delete(queue))
    },
    listen(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    end() {
      ended = true
      for (const queue of queues) queue.end()
      queues.clear()
    },
  }
}

interface ReportQueue {
  push(report: Report): void
  end(): void
  /** Undefined once the feed has ended and everything is read. */
  next(): Promise<Report | undefined>
}

function createQueue({ every = 1, buffer = 'all' }: ReportOptions): ReportQueue {
  // Taken from the front by number: `shift` of a long array moves all the rest.
  let waiting: Report[] = []
  let taken = 0
  let wake: (() => void) | undefined
  let ended = false
  const rouse = () => {
    wake?.()
    wake = undefined
  }
  return {
    push(report) {
      if (report.step % every !== 0 && report.evaluation === undefined) return
      if (buffer === 'latest') waiting.length = taken = 0
      waiting.push(report)
      rouse()
    },
    end() {
      ended = true
      rouse()
    },
    async next() {
      while (taken === waiting.length && !ended) {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
      const report = waiting[taken]
      if (report === undefined) return undefined
      taken += 1
      if (2 * taken > waiting.length) {
        waiting = waiting.slice(taken)
        taken = 0
      }
      return report
    },
  }
}

async function* drain(queue: ReportQueue, leave: () => void): AsyncGenerator<Report> {
  try {
    for (let report = await queue.next(); report !== undefined; report = await queue.next()) yield report
  } finally {
    leave()
  }
}
