/** Changes to the run's visible history: checkpoints that were written, and returns to one. Pure. */
import { addCheckpoint, visibleCheckpoints } from '../../history/visible-checkpoints.js'
import { editsAfter } from '../../history/edit-history.js'
import type { RewindPoint } from '../../history/visible-steps.js'
import type { CheckpointWritten } from '../../record/record.js'
import type { ControllerState } from './state.js'

/** Adds a checkpoint, unless a return to an earlier step has hidden its step meanwhile. */
export function withCheckpoint(state: ControllerState, written: CheckpointWritten): ControllerState {
  return { ...state, checkpoints: addCheckpoint(state.checkpoints, written, state.rewinds) }
}

/** Returns to a checkpoint: later checkpoints and edits of earlier attempts are hidden. */
export function withRewind(state: ControllerState, rewind: RewindPoint): ControllerState {
  const rewinds = [...state.rewinds, rewind]
  const { attempt, toStep } = rewind
  return {
    ...state,
    attempt,
    rewinds,
    reported: { attempt, step: toStep },
    edits: editsAfter(state.edits, rewind),
    checkpoints: visibleCheckpoints(state.checkpoints, rewinds),
  }
}
