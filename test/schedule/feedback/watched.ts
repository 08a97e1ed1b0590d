/** The guard, shown steps one after the other. */
import {
  GUARD as WITH_COLD,
  startGuard,
  watch,
  type BackOff,
  type GuardOptions,
  type GuardState,
} from '../../../src/schedule/feedback/guard.js'
import type { ReportedStep } from '../../../src/schedule/feedback/feedback-rule.js'

/** As it is once a run is under way. */
export const GUARD: GuardOptions = { ...WITH_COLD, cold: undefined }

export interface Watched {
  readonly state: GuardState
  readonly backOffs: readonly BackOff[]
}

/** What the guard says of `count` steps, each seen with the lambda that its back-offs have led to by then. */
export function watched(
  count: number,
  reportOf: (step: number, factor: number) => ReportedStep,
  options: GuardOptions = GUARD,
): Watched {
  let state = startGuard()
  const backOffs: BackOff[] = []
  for (let step = 0; step < count; step++) {
    const inEffect = backOffs.filter((one) => one.step + options.lag <= step).length
    const next = watch(state, reportOf(step, options.factor ** inEffect), options)
    state = JSON.parse(JSON.stringify(next.state)) as GuardState
    if (next.backOff !== undefined) backOffs.push(next.backOff)
  }
  return { state, backOffs }
}
