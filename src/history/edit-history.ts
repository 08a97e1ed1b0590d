/** The edits of a run that hold: what was changed, from which step on, and what a return to a checkpoint leaves of it. */
import type { Edited } from '../record/control-edit.js'
import type { Body, RequestResult } from '../record/record.js'
import type { RewindPoint } from './visible-history.js'

export interface EditEntry {
  readonly edited: Edited
  /** First step that it holds for; later than its position where its rows came late. */
  readonly effective: number
  /** Whether the worker has confirmed it. */
  readonly settled: boolean
}

export function addEdit(entries: readonly EditEntry[], edited: Edited): readonly EditEntry[] {
  return [...entries, { edited, effective: edited.position.step, settled: false }]
}

/** The entry after the answer to a request: rows that came late hold from later on. */
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
 * A run that is resumed meets the same edits at the same steps. Who returns to a checkpoint on purpose, takes back what
 * was changed from there on.
 */
export function editsAfter(
  entries: readonly EditEntry[],
  { cause, toStep }: RewindPoint,
): readonly EditEntry[] {
  return cause === 'resume' ? entries : entries.filter(({ effective }) => effective < toStep)
}

/** The edits that hold after one more record of the controller's. */
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

/** Whose edit wins over whose at one step: a person's over a script's, that over the guard's. Among equals the later. */
export function rankOf(by: string): number {
  if (by === 'guard') return 0
  return by === 'script' ? 1 : 2
}

/** Of edits of one control that begin at one step, the one that counts. */
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
