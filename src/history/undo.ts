/** What "undo" returns to: the newest checkpoint before the last edit, and what that takes back. */
import type { EditEntry } from './edit-history.js'
import type { CheckpointWritten } from '../record/record.js'

export type UndoTarget =
  | { readonly type: 'no-edit' }
  /** The last edit holds from that step on, and no checkpoint lies before it. */
  | { readonly type: 'no-checkpoint'; readonly edit: number }
  | {
      readonly type: 'checkpoint'
      readonly checkpoint: CheckpointWritten
      /** Controls whose edits are taken back, each once. */
      readonly controls: readonly string[]
      /** How often somebody has edited since that checkpoint; edits that were asked for together are one. */
      readonly requests: number
    }

/**
 * @param edits - Those that hold, in the order in which they were made
 * @param checkpoints - Those on disk, by step
 */
export function undoTarget(
  edits: readonly EditEntry[],
  checkpoints: readonly CheckpointWritten[],
): UndoTarget {
  const last = edits.at(-1)
  if (last === undefined) return { type: 'no-edit' }
  const checkpoint = checkpoints.findLast(({ position }) => position.step <= last.effective)
  if (checkpoint === undefined) return { type: 'no-checkpoint', edit: last.effective }
  return { type: 'checkpoint', checkpoint, ...editsFrom(edits, checkpoint.position.step) }
}

type Found = Extract<UndoTarget, { type: 'checkpoint' }>

/** What a return to the state before `step` takes back. */
export function editsFrom(edits: readonly EditEntry[], step: number): Pick<Found, 'controls' | 'requests'> {
  const taken = edits.filter(({ effective }) => effective >= step)
  return {
    controls: [...new Set(taken.map(({ edited }) => edited.control))],
    requests: new Set(taken.map(({ edited }) => edited.request)).size,
  }
}

/** `takes back 2 edits of lambda, and 25 steps`; without the steps where none was trained since. */
export function takenBackInWords(
  { controls, requests }: Pick<Found, 'controls' | 'requests'>,
  steps: number,
): string {
  const edits = `${requests === 1 ? 'the edit' : `${requests} edits`} of ${controls.join(', ')}`
  if (steps === 0) return `takes back ${edits}`
  return `takes back ${edits}, and ${steps} ${steps === 1 ? 'step' : 'steps'}`
}

/**
 * Why an undo of more than the last edit is refused, and how whoever asked can ask for it.
 *
 * @param position - Steps done by now
 * @param by - Who asked, as in `Request`
 */
export function beyondLastEdit(target: Found, position: number, by: string): string {
  const { step } = target.checkpoint.position
  const takes = takenBackInWords(target, position - step)
  const remedy = ASKED_FOR_BY.get(by) ?? "the request's field Undo.all"
  return `the newest checkpoint before the last edit is at step ${step}: undo ${takes}; ask for it with ${remedy}`
}

/** How an undo of several edits is asked for: on the command line, and in TypeScript. */
const ASKED_FOR_BY: ReadonlyMap<string, string> = new Map([
  ['cli', '--all'],
  ['script', 'run.undo({ all: true })'],
])
