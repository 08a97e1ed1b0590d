/** The checkpoints that a run can return to. Pure. */
import type { CheckpointWritten } from '../record/record.js'

/** Those there are once `written` is on disk: without the ones it replaced, and without the ones deleted for it. */
export function withCheckpoint(
  checkpoints: readonly CheckpointWritten[],
  written: CheckpointWritten,
): readonly CheckpointWritten[] {
  const kept = checkpoints.filter(({ path }) => path !== written.path && !written.deleted.includes(path))
  return [...kept, written]
}
