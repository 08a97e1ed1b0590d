/** Planning ahead of the worker: sends it the rows that it needs by now. Pure. */
import { plannableThrough } from '../state/feedback-decisions.js'
import { measurePace, nextPlans, reachOf } from '../state/plans.js'
import { rowsOf } from './rows.js'
import type { ControllerState, Effect, Transition } from '../state/state.js'

/** Sends the rows that the worker lacks up to its reach. */
export function extendPlans(state: ControllerState, nowMs: number): Transition {
  const { lease } = state
  const source = rowsOf(state)
  if (lease === undefined || source === undefined) return { state, effects: [] }
  const step = Math.max(
    state.reported.attempt === state.attempt ? state.reported.step : 0,
    lease.position.step,
  )
  const pace = measurePace(lease.pace, nowMs, step)
  const { planning, plans } = nextPlans(lease.planning, {
    source,
    leaseEpoch: lease.epoch,
    attempt: state.attempt,
    step,
    reach: reachOf(pace),
    through: Math.min(
      plannableThrough(state.rules, state.feedback.decisions, state.layers),
      coldThrough(state),
    ),
  })
  return {
    state: { ...state, planSeq: planning.planSeq, lease: { ...lease, pace, planning } },
    effects: plans.flatMap((plan): Effect[] => [
      { type: 'append', body: plan },
      { type: 'send', peer: lease.peer, message: plan },
    ]),
  }
}

/**
 * The first step that a cold start does not allow to plan yet. The guard judges each step of a cold start before the row that
 * its verdict is for. Whether a run starts cold is known after its first step.
 */
function coldThrough({ cold, feedback }: ControllerState): number {
  const { front, guard } = feedback.window
  return cold === undefined || front >= (guard.coldUntil ?? cold.steps) ? Infinity : front + cold.lag
}
