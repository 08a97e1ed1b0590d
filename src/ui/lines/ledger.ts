/** The ledger as a table. */
import type { LedgerEdit, LedgerLine } from '../../history/ledger-lines.js'
import { formatControl, formatCount } from '../text/format.js'
import { table, wrap, type Column } from '../text/layout.js'
import { sanitize } from '../text/sanitize.js'
import { editInWords, editToInWords } from '../text/wording.js'

/** @param width - Columns of the terminal */
export function ledgerLines(lines: readonly LedgerLine[], width: number): string[] {
  if (lines.length === 0) return ['nothing was changed by hand, by a script or by the guard']
  const notes: string[] = []
  const note = (text: string) => (text === '' ? '' : `${notes.push(sanitize(text))}`)
  const rows = lines.map((line) => cellsOf(line, note).map(sanitize))
  return [
    ...table(COLUMNS, rows, width),
    ...notes.flatMap((text, i) => wrap(`${i + 1}  ${text}`, { width, hanging: '   ' })),
  ]
}

function cellsOf(line: LedgerLine, note: (text: string) => string): string[] {
  switch (line.kind) {
    case 'edit': {
      const [before, after] = [line.before, line.after].map((value) =>
        Number.isNaN(value) ? '(its own)' : formatControl(line.control, value),
      )
      const change = `${line.control} ${before ?? ''} → ${after ?? ''}`
      return [formatCount(line.step), formatCount(line.asked), change, line.by, note(remarks(line))]
    }
    case 'refused': {
      const change = `refused: ${line.edits.map(editInWords).join(' ')}`
      return ['', formatCount(line.asked), change, line.by, note(joined(line.reason, line.why))]
    }
    case 'mark':
      return [formatCount(line.step), '', `${line.control}: feedback`, '', note(line.text)]
    case 'return':
      return [
        formatCount(line.step),
        '',
        `back to step ${formatCount(line.step)} (${line.cause})`,
        line.by,
        note(line.why),
      ]
    default:
      return line satisfies never
  }
}

function remarks({ to, why, state, overruledBy, control }: LedgerEdit): string {
  const schedule = to.kind === 'schedule' && Number.isNaN(Number(to.text)) && to.text !== 'off'
  return joined(
    schedule || to.kind === 'factor' ? `${control}${editToInWords(to)}` : '',
    state === 'applied' ? '' : state === 'pending' ? 'not confirmed yet' : 'taken back',
    overruledBy === undefined ? '' : `overruled by an edit of ${overruledBy} at the same step`,
    why,
  )
}

function joined(...parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join('; ')
}

const COLUMNS: readonly Column[] = [
  { title: 'STEP', align: 'right' },
  { title: 'ASKED', align: 'right' },
  { title: 'CHANGE', shrinkTo: 20 },
  { title: 'BY' },
  { title: 'NOTE', align: 'right' },
]
