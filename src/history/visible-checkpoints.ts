/** The checkpoints of the visible history that are on disk. */
import type { CheckpointWritten } from '../record/record.js'
import { hiddenFrom, type RewindPoint } from './visible-steps.js'

/** The list, sorted by step, with one more checkpoint and without those deleted for it. A file that is written again replaces its entry. */
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

/** A checkpoint at step s contains the steps before s, so that the checkpoint of a rewind stays visible. */
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
