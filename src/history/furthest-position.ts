/** The furthest positions of a run: of each attempt, and of the visible history. */
import type { Position } from '../record/position.js'
import { hiddenFrom, type RewindPoint } from './visible-steps.js'

/** The furthest position of each attempt, after a record at `step`. Attempt 0 means "before the first welcome" and does not count. */
export function withReached(reached: readonly Position[], { attempt, step }: Position): readonly Position[] {
  if (attempt === 0) return reached
  const before = reached.find((position) => position.attempt === attempt)
  if (before !== undefined && before.step >= step) return reached
  return [...reached.filter((position) => position !== before), { attempt, step }]
}

/** The latest attempt, and the number of steps done in the visible history. */
export function furthestPosition(reached: readonly Position[], rewinds: readonly RewindPoint[]): Position {
  let attempt = 0
  let step = 0
  for (const position of reached) {
    attempt = Math.max(attempt, position.attempt)
    step = Math.max(step, Math.min(position.step, hiddenFrom(rewinds, position.attempt)))
  }
  return { attempt, step }
}
