/** The ledger of a run: who changed what, from which step on, and whether the change is in effect. */
import { editsAfter, settleEntry, winnerOf, type EditEntry } from './edit-history.js'
import type { ControlEdit, EditTo } from '../record/control-edit.js'
import type { LogRecord, Request } from '../record/record.js'

export type LedgerLine =
  | LedgerEdit
  /** An edit that was refused. */
  | {
      readonly kind: 'refused'
      readonly asked: number
      readonly edits: readonly ControlEdit[]
      readonly by: string
      readonly why: string
      readonly reason: string
    }
  /** A message of a feedback schedule or of the guard. */
  | { readonly kind: 'mark'; readonly step: number; readonly control: string; readonly text: string }
  /** A return to a checkpoint, deliberate or because the worker was lost. */
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
  /** Steps done at the time of the request. */
  readonly asked: number
  /** First step that the edit applies to. */
  readonly step: number
  readonly control: string
  readonly to: EditTo
  /** The control's value at that step without the edit; NaN if the plan had none. */
  readonly before: number
  readonly after: number
  readonly by: string
  readonly why: string
  /** `taken-back`: a return to an earlier checkpoint took the edit back. */
  readonly state: 'pending' | 'applied' | 'taken-back'
  /** Author of the edit that applies instead, if two edits of a control begin at the same step. */
  readonly overruledBy?: string
}

export interface Ledger {
  readonly lines: readonly LedgerLine[]
  /** The edits in effect. */
  readonly entries: readonly { readonly entry: EditEntry; readonly asked: number; readonly why: string }[]
  readonly holding: readonly EditEntry[]
  readonly requests: Readonly<Record<string, { readonly request: Request; readonly asked: number }>>
}

export function emptyLedger(): Ledger {
  return { lines: [], entries: [], holding: [], requests: {} }
}

/** @param record - Records of the controller in order; other records change nothing. Without a controller, those of the script. */
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
      // The result of the request for a rewind follows right after the rewind.
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

/** The lines with the current state of each edit; all other lines are unchanged. */
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
