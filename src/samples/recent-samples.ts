/** The samples of the last steps of the visible history that recorded any, with their labels. Nothing else is kept in memory. */
import type { LogRecord, StepSamples } from '../record/record.js'
import { UNKNOWN_LABEL } from './sample-columns.js'
import { emptySampleLosses, withSamples } from './sample-losses.js'
import { isVisible } from '../history/visible-steps.js'

/** One weighed batch. */
export interface LabelledBatch {
  readonly step: number
  /** Losses before weighting. */
  readonly losses: Float32Array
  /** One label for each loss, as used in training; `UNKNOWN_LABEL` if unknown. The same holds for `trueLabels`. */
  readonly labels: Uint32Array
  readonly trueLabels: Uint32Array
}

export interface RecentSamples {
  /**
   * Adds a record. A rewind may come before the samples that it hides, or after them, as in a run that is followed. In the second
   * case fewer steps than requested are kept until further steps arrive.
   */
  readonly add: (record: LogRecord) => void
  /** Sorted by step. A step with several weighed batches has several entries. */
  readonly batches: () => LabelledBatch[]
  /** Name of the weighing whose samples are kept: that of the first samples. Undefined before these. */
  readonly weighing: () => string | undefined
}

/** @param steps - How many steps to keep, from 1. */
export function createRecentSamples(steps: number): RecentSamples {
  // Only its labels and rewinds are used; its sums stay empty.
  let known = emptySampleLosses()
  let weighing: string | undefined
  /** By step, ascending. */
  let byStep = new Map<number, { readonly attempt: number; readonly samples: readonly StepSamples[] }>()
  let last = -1

  function addSamples(attempt: number, samples: StepSamples): void {
    const { step } = samples
    const entry = byStep.get(step)
    if (entry !== undefined && entry.attempt > attempt) return
    const before = entry?.attempt === attempt ? entry.samples : []
    byStep.set(step, { attempt, samples: [...before, samples] })
    // Records that only a spool has come after the log.
    if (entry === undefined && step < last) byStep = new Map([...byStep].sort(([a], [b]) => a - b))
    last = Math.max(last, step)
    for (const oldest of byStep.keys()) {
      if (byStep.size <= steps) break
      byStep.delete(oldest)
    }
  }

  function dropHidden(): void {
    byStep = new Map([...byStep].filter(([step, { attempt }]) => isVisible(known.rewinds, attempt, step)))
    last = [...byStep.keys()].at(-1) ?? -1
  }

  return {
    add(record) {
      const { body } = record
      if (body.type === 'rewind' || body.type === 'sample-info') known = withSamples(known, record)
      if (body.type === 'rewind') dropHidden()
      if (body.type !== 'sample-batch') return
      for (const samples of body.steps) {
        weighing ??= samples.weighing || DEFAULT_NAME
        if ((samples.weighing || DEFAULT_NAME) !== weighing) continue
        if (isVisible(known.rewinds, body.attempt, samples.step)) addSamples(body.attempt, samples)
      }
    },
    batches() {
      const labelOf = (index: number) => known.labels[index] ?? UNKNOWN_LABEL
      const trueLabelOf = (index: number) => known.trueLabels[index] ?? UNKNOWN_LABEL
      return [...byStep.values()].flatMap(({ samples }) =>
        samples.map(({ step, losses, indices, labels }) => ({
          step,
          losses,
          labels: ofEach(losses.length, indices.length > 0 ? indices.map(labelOf) : labels),
          trueLabels: ofEach(losses.length, indices.map(trueLabelOf)),
        })),
      )
    },
    weighing: () => weighing,
  }
}

function ofEach(count: number, labels: Uint32Array): Uint32Array {
  return labels.length === count ? labels : new Uint32Array(count).fill(UNKNOWN_LABEL)
}

const DEFAULT_NAME = 'loss'
