/** The ledger of a run: who changed what, from which step on, and what became of it. */
import { editsAfter, settleEntry, winnerOf, type EditEntry } from './edit-history.js'
import type { ControlEdit, EditTo } from '../record/control-edit.js'
import type { LogRecord, Request } from '../record/record.js'

export type LedgerLine =
  | LedgerEdit
  /** Edits that were not made. */
  | {
      readonly kind: 'refused'
      readonly asked: number
      readonly edits: readonly ControlEdit[]
      readonly by: string
      readonly why: string
      readonly reason: string
    }
  /** What a feedback schedule or the guard has to say of itself. */
  | { readonly kind: 'mark'; readonly step: number; readonly control: string; readonly text: string }
  /** A return to a checkpoint, on purpose or because the worker was lost. */
  | {
      readonly kind: 'return'
      readonly step: number
      /** "undo", "restore", "resume" or "fork". */
      readonly cause: string
      readonly by: string
      readonly why: string
    }

export interface LedgerEdit {
  readonly kind: 'edit'
  /** Steps that were done when it was asked for. */
  readonly asked: number
  /** First step that it holds for. */
  readonly step: number
  readonly control: string
  readonly to: EditTo
  /** At that step without it; NaN where the plan had none. */
  readonly before: number
  readonly after: number
  readonly by: string
  readonly why: string
  /** `taken-back`: by a return to a checkpoint before it. */
  readonly state: 'pending' | 'applied' | 'taken-back'
  /** Who made the edit that counts instead, where two of one control begin at one step. */
  readonly overruledBy?: string
}

export interface Ledger {
  readonly lines: readonly LedgerLine[]
  /** Every edit that the log has, with those that hold. */
  readonly entries: readonly { readonly entry: EditEntry; readonly asked: number; readonly why: string }[]
  readonly holding: readonly EditEntry[]
  readonly requests: Readonly<Record<string, { readonly request: Request; readonly asked: number }>>
}

export function emptyLedger(): Ledger {
  return { lines: [], entries: [], holding: [], requests: {} }
}

/** @param record - In the order of the controller's stream; others change nothing. A script without one writes alone. */
export function addToLedger(ledger: Ledger, { body, origin }: LogRecord): Ledger {
  switch (body.type) {
    case 'requested': {
      const { request, position } = body
      const known = { request, asked: position.step }
      return { ...ledger, requests: { ...ledger.requests, [request.id]: known } }
    }
    case 'edited': {
      const { request, asked = body.position.step } = ledger.requests[body.request] ?? {}
      const entry: EditEntry = { edited: body, effective: body.position.step, settled: false }
      const why = request?.why ?? ''
      return withLines({
        ...ledger,
        entries: [...ledger.entries, { entry, asked, why }],
        holding: [...ledger.holding, entry],
        lines: [...ledger.lines, lineOf(entry, asked, why, 'pending')],
      })
    }
    case 'settled': {
      const known = ledger.requests[body.result.id]
      if (known === undefined) return ledger
      if (body.result.ok) return settled(ledger, body.result.id, body.result.step)
      const { request, asked } = known
      if (request.action.type !== 'set') return ledger
      const { by, why, action } = request
      const refused = {
        kind: 'refused',
        asked,
        edits: action.edits,
        by,
        why,
        reason: body.result.message,
      } as const
      return { ...ledger, lines: [...ledger.lines, refused] }
    }
    case 'rewind': {
      const { toStep, cause, attempt } = body
      // The request that a return answers is settled right after it.
      const asker = Object.values(ledger.requests).findLast(({ request }) => request.action.type === cause)
      const { by = origin, why = '' } = asker?.request ?? {}
      const line = { kind: 'return', step: toStep, cause, by, why } as const
      const holding = editsAfter(ledger.holding, { attempt, toStep, cause })
      return withLines({ ...ledger, holding, lines: [...ledger.lines, line] })
    }
    case 'decided':
      if (body.mark === '') return ledger
      return {
        ...ledger,
        lines: [
          ...ledger.lines,
          { kind: 'mark', step: body.position.step, control: body.control, text: body.mark },
        ],
      }
    default:
      return ledger
  }
}

function settled(ledger: Ledger, id: string, step: number): Ledger {
  const settle = (entry: EditEntry) => settleEntry(entry, { id, step })
  return withLines({
    ...ledger,
    entries: ledger.entries.map((known) => ({ ...known, entry: settle(known.entry) })),
    holding: ledger.holding.map(settle),
  })
}

/** The lines of edits as they now stand; all others as they were. */
function withLines(ledger: Ledger): Ledger {
  let next = 0
  const lines = ledger.lines.map((line): LedgerLine => {
    if (line.kind !== 'edit') return line
    const { entry, asked, why } = ledger.entries[next++]!
    const holds = ledger.holding.some(({ edited }) => edited === entry.edited)
    const state = !holds ? 'taken-back' : entry.settled ? 'applied' : 'pending'
    const winner = holds ? winnerOf(ledger.holding, entry) : undefined
    const overruled = winner !== undefined && winner.edited !== entry.edited
    return { ...lineOf(entry, asked, why, state), ...(overruled ? { overruledBy: winner.edited.by } : {}) }
  })
  return { ...ledger, lines }
}

function lineOf(
  { edited, effective }: EditEntry,
  asked: number,
  why: string,
  state: LedgerEdit['state'],
): LedgerEdit {
  const { control, to, before, after, by } = edited
  return { kind: 'edit', asked, step: effective, control, to, before, after, by, why, state }
}
