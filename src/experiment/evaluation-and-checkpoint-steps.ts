/** When the model is evaluated and checkpoints are written. */
import type { PlanEvent } from '../record/record.js'
import { exactSteps } from '../schedule/duration.js'
import type { Cadence } from './spec-schema.js'

/** Steps between two events of a kind, fractions allowed, at least 1; undefined for none before the end. */
export interface Periods {
  readonly evaluate: number | undefined
  readonly checkpoint: number | undefined
}

/** Errors as {@link exactSteps}. */
export function periodOf(cadence: Cadence, stepsPerEpoch: number): number | undefined {
  if (cadence === 'end') return undefined
  if (cadence === 'epoch') return stepsPerEpoch === 0 ? undefined : stepsPerEpoch
  return Math.max(1, exactSteps(cadence.every, stepsPerEpoch))
}

/** The events after the steps [first, first + count), ascending; none after a run's last step. @param runSteps 0 for a run without end */
export function eventsOf(
  periods: Periods,
  runSteps: number,
  first: number,
  count: number,
): readonly PlanEvent[] {
  const lastStep = runSteps === 0 ? Infinity : runSteps - 1
  const end = Math.min(first + count, lastStep)
  const events: PlanEvent[] = []
  for (const kind of ['evaluate', 'checkpoint'] as const) {
    const period = periods[kind]
    if (period === undefined) continue
    // The k-th is computed from k, not from the one before: fractions do not drift.
    let k = Math.max(1, Math.floor(first / period))
    for (; ; k++) {
      const afterStep = Math.round(k * period) - 1
      if (afterStep >= end) break
      if (afterStep >= first) events.push({ afterStep, kind })
    }
  }
  // Stable: of two after one step the evaluation stays first.
  return events.sort((a, b) => a.afterStep - b.afterStep)
}
