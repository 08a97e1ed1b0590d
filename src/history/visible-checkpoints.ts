/** The checkpoints of the visible history that are on disk. */
import type { CheckpointWritten } from '../record/record.js'
import { hiddenFrom, type RewindPoint } from './visible-history.js'

/** The list, by step, with one more and without what was deleted for it. A file written again replaces the older entry. */
export function addCheckpoint(
  known: readonly CheckpointWritten[],
  added: CheckpointWritten,
  rewinds: readonly RewindPoint[],
): readonly CheckpointWritten[] {
  if (!isVisible(rewinds, added)) return without(known, added.deleted)
  const kept = without(known, [...added.deleted, added.path])
  const index = kept.findLastIndex(({ position }) => position.step <= added.position.step) + 1
  return index === kept.length ? kept.concat(added) : kept.toSpliced(index, 0, added)
}

/** A checkpoint at step s holds the steps before s: the one that a rewind returned to stays. */
export function visibleCheckpoints(
  checkpoints: readonly CheckpointWritten[],
  rewinds: readonly RewindPoint[],
): readonly CheckpointWritten[] {
  return checkpoints.filter((checkpoint) => isVisible(rewinds, checkpoint))
}

function isVisible(rewinds: readonly RewindPoint[], { position }: CheckpointWritten): boolean {
  return position.step <= hiddenFrom(rewinds, position.attempt)
}

function without(
  checkpoints: readonly CheckpointWritten[],
  paths: readonly string[],
): readonly CheckpointWritten[] {
  return checkpoints.some(({ path }) => paths.includes(path))
    ? checkpoints.filter(({ path }) => !paths.includes(path))
    : checkpoints
}
