/** The requests to a run, with their results. */
import type { Action, Position, Request, RequestResult } from '../record/record.js'

export interface RequestEntry {
  readonly id: string
  readonly by: string
  /** The operator's reason; may be empty. */
  readonly why: string
  readonly action: Action
  /** Position of the run at the time of the request. */
  readonly position: Position
  /** Absent while the request is in progress. */
  readonly outcome?: { readonly ok: boolean; readonly step: number; readonly message: string }
}

/** Adds a request. A request with a known id changes nothing. */
export function addRequest(
  entries: readonly RequestEntry[],
  { id, by, why, action }: Request,
  position: Position,
): readonly RequestEntry[] {
  if (entries.some((entry) => entry.id === id)) return entries
  return entries.concat({ id, by, why, action, position })
}

export function settleRequest(
  entries: readonly RequestEntry[],
  { id, ok, step, message }: RequestResult,
): readonly RequestEntry[] {
  const index = entries.findLastIndex((entry) => entry.id === id)
  if (index < 0) return entries
  // Copied by `slice`: `with` and `map` take many times as long.
  const settled = entries.slice()
  settled[index] = { ...entries[index]!, outcome: { ok, step, message } }
  return settled
}
