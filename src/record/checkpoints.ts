/** The checkpoints of the visible history that are on disk. */
import type { CheckpointWritten } from './record.js'
import { hiddenFrom, type RewindPoint } from './visible.js'

/** The list, by step, with one more and without what was deleted for it. A file written again replaces the older entry. */
export function addCheckpoint(
  known: readonly CheckpointWritten[],
  added: CheckpointWritten,
  rewinds: readonly RewindPoint[],
): readonly CheckpointWritten[] {
  const gone = [...added.deleted, added.path]
  const kept = known.filter((checkpoint) => !gone.includes(checkpoint.path))
  return visibleCheckpoints([...kept, added], rewinds).toSorted((a, b) => a.position.step - b.position.step)
}

/** A checkpoint at step s holds the steps before s: the one that a rewind returned to stays. */
export function visibleCheckpoints(
  checkpoints: readonly CheckpointWritten[],
  rewinds: readonly RewindPoint[],
): readonly CheckpointWritten[] {
  return checkpoints.filter(({ position }) => position.step <= hiddenFrom(rewinds, position.attempt))
}
