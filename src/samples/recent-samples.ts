/** The samples of the last steps of the visible history that kept any, with their labels. Holds no more than these. */
import type { LogRecord, StepSamples } from '../record/record.js'
import { UNKNOWN_LABEL } from './sample-columns.js'
import { emptySampleLosses, withSamples } from './sample-losses.js'
import { isVisible } from '../history/visible-history.js'

/** One weighed batch. */
export interface LabelledBatch {
  readonly step: number
  /** Before weighting. */
  readonly losses: Float32Array
  /** As trained on, one a loss; `UNKNOWN_LABEL` where nothing is known, likewise below. */
  readonly labels: Uint32Array
  readonly trueLabels: Uint32Array
}

export interface RecentSamples {
  /**
   * Takes the next record. A rewind may come before the samples that it hides or, as in a run that is followed, after them:
   * then fewer steps than asked for are kept until others come.
   */
  readonly add: (record: LogRecord) => void
  /** By step; a step that weighed several times has several. */
  readonly batches: () => LabelledBatch[]
  /** The weighing that is kept: that of the first samples seen. Undefined before. */
  readonly weighing: () => string | undefined
}

/** @param steps - How many steps to keep, from 1. */
export function createRecentSamples(steps: number): RecentSamples {
  // Labels by index and rewinds; its sums stay empty.
  let told = emptySampleLosses()
  let weighing: string | undefined
  /** Of ascending steps. */
  let held = new Map<number, { readonly attempt: number; readonly samples: readonly StepSamples[] }>()
  let last = -1

  function hold(attempt: number, samples: StepSamples): void {
    const { step } = samples
    const known = held.get(step)
    if (known !== undefined && known.attempt > attempt) return
    const before = known?.attempt === attempt ? known.samples : []
    held.set(step, { attempt, samples: [...before, samples] })
    // What only a spool had comes after the log.
    if (known === undefined && step < last) held = new Map([...held].sort(([a], [b]) => a - b))
    last = Math.max(last, step)
    for (const oldest of held.keys()) {
      if (held.size <= steps) break
      held.delete(oldest)
    }
  }

  function dropHidden(): void {
    held = new Map([...held].filter(([step, { attempt }]) => isVisible(told.rewinds, attempt, step)))
    last = [...held.keys()].at(-1) ?? -1
  }

  return {
    add(record) {
      const { body } = record
      if (body.type === 'rewind' || body.type === 'sample-info') told = withSamples(told, record)
      if (body.type === 'rewind') dropHidden()
      if (body.type !== 'sample-batch') return
      for (const samples of body.steps) {
        weighing ??= samples.weighing || DEFAULT_NAME
        if ((samples.weighing || DEFAULT_NAME) !== weighing) continue
        if (isVisible(told.rewinds, body.attempt, samples.step)) hold(body.attempt, samples)
      }
    },
    batches() {
      const labelOf = (index: number) => told.labels[index] ?? UNKNOWN_LABEL
      const trueLabelOf = (index: number) => told.trueLabels[index] ?? UNKNOWN_LABEL
      return [...held.values()].flatMap(({ samples }) =>
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
