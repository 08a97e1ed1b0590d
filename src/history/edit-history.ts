/** The edits of a run that are in effect: what was changed, from which step on, and which edits remain after a return to a checkpoint. */
import type { Edited } from '../record/control-edit.js'
import type { Body, RequestResult } from '../record/record.js'
import type { RewindPoint } from './visible-steps.js'

export interface EditEntry {
  readonly edited: Edited
  /** First step that the edit applies to. Later than its position if the worker got the new rows late. */
  readonly effective: number
  /** Whether the worker has confirmed it. */
  readonly settled: boolean
}

export function addEdit(entries: readonly EditEntry[], edited: Edited): readonly EditEntry[] {
  return [...entries, { edited, effective: edited.position.step, settled: false }]
}

/** The entry after the result of its request. If the rows arrived late, the edit applies from a later step on. */
export function settleEntry(entry: EditEntry, { id, step }: Pick<RequestResult, 'id' | 'step'>): EditEntry {
  if (entry.edited.request !== id) return entry
  return { ...entry, effective: Math.max(entry.edited.position.step, step), settled: true }
}

export function settleEdits(
  entries: readonly EditEntry[],
  result: Pick<RequestResult, 'id' | 'ok' | 'step'>,
): readonly EditEntry[] {
  if (!result.ok || !entries.some(({ edited }) => edited.request === result.id)) return entries
  return entries.map((entry) => settleEntry(entry, result))
}

/**
 * The edits that remain after a rewind. A resumed run keeps its edits, at the same steps. A deliberate return to a checkpoint takes
 * back the edits from there on.
 */
export function editsAfter(
  entries: readonly EditEntry[],
  { cause, toStep }: RewindPoint,
): readonly EditEntry[] {
  return cause === 'resume' ? entries : entries.filter(({ effective }) => effective < toStep)
}

/** The edits in effect after one more record of the controller. */
export function foldEdits(entries: readonly EditEntry[], body: Body): readonly EditEntry[] {
  switch (body.type) {
    case 'edited':
      return addEdit(entries, body)
    case 'settled':
      return settleEdits(entries, body.result)
    case 'rewind':
      return editsAfter(entries, body)
    default:
      return entries
  }
}

/** Rank of an edit by its author, for edits at the same step: person over script over guard and recipe. With equal ranks the later edit wins. */
export function rankOf(by: string): number {
  if (by === 'guard' || by === 'recipe') return 0
  return by === 'script' ? 1 : 2
}

/** The edit that applies, if several edits of a control begin at the same step. */
export function winnerOf(
  entries: readonly EditEntry[],
  { edited, effective }: EditEntry,
): EditEntry | undefined {
  const rivals = entries.filter(
    (other) => other.edited.control === edited.control && other.effective === effective,
  )
  const highest = Math.max(...rivals.map((rival) => rankOf(rival.edited.by)))
  return rivals.findLast((rival) => rankOf(rival.edited.by) === highest)
}
