/** The last step that a run has reported. */
import type { StepBatch } from '../record/record.js'
import { lastNumbers, rowAt } from './series/step-numbers.js'
import { hiddenFrom, type RewindPoint } from './visible-steps.js'

export interface LastStep {
  readonly attempt: number
  readonly step: number
  /** The controls as the worker applied them, by name; a lambda of ±Infinity is off. */
  readonly controls: Readonly<Record<string, number>>
  /** Numbers by name, see step-numbers.ts. A number that this step lacks has its last value. */
  readonly numbers: Readonly<Record<string, number>>
  /** Seconds per step, mean over the last batch. */
  readonly stepSeconds: number
}

/** The last visible step of `batch`, or the known one if that is later. */
export function latestStep(
  known: LastStep | undefined,
  batch: StepBatch,
  rewinds: readonly RewindPoint[],
): LastStep | undefined {
  const step = Math.min(batch.firstStep + batch.count, hiddenFrom(rewinds, batch.attempt)) - 1
  if (step < batch.firstStep) return known
  if (known !== undefined && isBefore(batch.attempt, step, known)) return known
  const i = step - batch.firstStep
  return {
    attempt: batch.attempt,
    step,
    controls: rowAt(batch.controls, i),
    numbers: { ...known?.numbers, ...lastNumbers(batch, i) },
    stepSeconds: batch.stepSeconds.reduce((sum, seconds) => sum + seconds, 0) / batch.count,
  }
}

function isBefore(attempt: number, step: number, known: LastStep): boolean {
  return attempt < known.attempt || (attempt === known.attempt && step < known.step)
}
