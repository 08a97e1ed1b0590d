/** Computes the steps after which the model is evaluated and checkpoints are written. */
import type { PlanEvent } from '../record/record.js'
import { exactSteps } from '../schedule/duration.js'
import type { Cadence } from './spec-schema.js'

/** Steps between two events of a kind: at least 1, fractions are permitted; undefined if there are no events before the end. */
export interface Periods {
  readonly evaluate: number | undefined
  readonly checkpoint: number | undefined
}

/** Errors as in {@link exactSteps}. */
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
    // The k-th event is computed from k, so that the rounding of fractions does not add up.
    let k = Math.max(1, Math.floor(first / period))
    for (; ; k++) {
      const afterStep = Math.round(k * period) - 1
      if (afterStep >= end) break
      if (afterStep >= first) events.push({ afterStep, kind })
    }
  }
  // The sort is stable: the evaluation stays before the checkpoint after the same step.
  return events.sort((a, b) => a.afterStep - b.afterStep)
}
