/** What was asked of a run, and what came of it. */
import type { Action, Position, Request, RequestResult } from '../record/record.js'

export interface RequestEntry {
  readonly id: string
  readonly by: string
  /** In the operator's words; may be empty. */
  readonly why: string
  readonly action: Action
  /** Where the run stood when it was asked. */
  readonly position: Position
  /** Absent while it is under way. */
  readonly outcome?: { readonly ok: boolean; readonly step: number; readonly message: string }
}

/** A request whose id is known already changes nothing. */
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
