/** Reads a review: the CSV of `absgd samples RUN --suspects N --csv` with its column `action` filled in. */
import { createHash } from 'node:crypto'
import { AbsgdError } from '../errors.js'
import { readDrawn, stratumOf, type Sheet, type Stratum } from './sheet.js'
import { parseTable, type TextTable } from './table-text.js'

export type Decision =
  | { readonly type: 'open' }
  | { readonly type: 'keep' }
  | { readonly type: 'drop' }
  | { readonly type: 'relabel'; readonly label: number }

export interface ReviewRow {
  /** Line of the file, from 1. */
  readonly line: number
  readonly index: number
  /** Empty if the run has no names. */
  readonly id: string
  readonly label: number | undefined
  readonly predicted: number | undefined
  /** In [0, 1]. */
  readonly probability: number | undefined
  readonly decision: Decision
  /** Where the row comes from; undefined if its code is gone or was changed. */
  readonly stratum: Stratum | undefined
}

export interface Review {
  readonly table: TextTable
  readonly rows: readonly ReviewRow[]
  /** Undefined if the columns `run`, `samples` and `drawn` are gone. */
  readonly sheet: Sheet | undefined
}

/** @throws AbsgdError 'usage' that names line and column: no such column, an unknown action, a number that is none, the same sample twice. */
export function parseReview(text: string): Review {
  const table = parseTable(text)
  for (const name of ['index', 'action'])
    if (!table.columns.includes(name))
      throw new AbsgdError('usage', `the review has no column "${name}"`, {
        hint: `its columns are ${table.columns.join(', ') || 'none'}; "absgd samples RUN --suspects 500 --csv" writes a review`,
      })
  const cellOf = (cells: readonly string[], name: string) => cells[table.columns.indexOf(name)] ?? ''
  const sheet = sheetOf(table, cellOf)
  const lines = new Map<number, number>()
  const ids = new Map<string, number>()
  const rows = table.rows.map(({ line, cells }): ReviewRow => {
    const number = (name: string) => wholeNumber(cellOf(cells, name), line, name)
    const index = number('index')
    if (index === undefined) throw cellError(line, 'index', 'is empty')
    const id = cellOf(cells, 'id')
    requireNew(lines, index, line, 'index')
    if (id !== '') requireNew(ids, id, line, 'id')
    const code = cellOf(cells, 'row_code')
    return {
      line,
      index,
      id,
      label: number('label'),
      predicted: number('predicted'),
      probability: probabilityOf(cellOf(cells, 'probability')),
      decision: decisionOf(cellOf(cells, 'action'), line),
      stratum: sheet === undefined ? undefined : stratumOf(sheet, index, code),
    }
  })
  return { table, rows, sheet }
}

/** `keep`, `drop`, `relabel:3`, or nothing. */
export function decisionOf(text: string, line: number): Decision {
  const action = text.toLowerCase()
  if (action === '') return { type: 'open' }
  if (action === 'keep' || action === 'drop') return { type: action }
  const label = /^relabel\s*:\s*(.+)$/.exec(action)?.[1]
  if (label !== undefined && WHOLE.test(label))
    return { type: 'relabel', label: wholeNumber(label, line, 'action')! }
  throw cellError(line, 'action', `is "${text}": write keep, drop or relabel:X with the number of a class`)
}

export function decisionText(decision: Decision): string {
  if (decision.type === 'open') return ''
  return decision.type === 'relabel' ? `relabel:${decision.label}` : decision.type
}

/** SHA-256 of what the review changes, hex: `apply_review` in Python computes the same. Independent of the order of the rows. */
export function reviewHash(rows: readonly ReviewRow[]): string {
  const changes = rows
    .filter(({ decision }) => decision.type === 'drop' || decision.type === 'relabel')
    .toSorted((a, b) => a.index - b.index)
    .map(({ index, decision }) => `${index} ${decisionText(decision)}\n`)
  return createHash('sha256').update(changes.join('')).digest('hex')
}

function sheetOf(
  { rows }: TextTable,
  cellOf: (cells: readonly string[], name: string) => string,
): Sheet | undefined {
  const [first] = rows
  if (first === undefined) return undefined
  const [run, samples, drawn] = ['run', 'samples', 'drawn'].map((name) => cellOf(first.cells, name))
  for (const [name, value] of Object.entries({ run, samples, drawn })) {
    const other = rows.find(({ cells }) => cellOf(cells, name) !== value)
    if (other !== undefined)
      throw cellError(
        other.line,
        name,
        `is "${cellOf(other.cells, name)}", in line ${first.line} it is "${value}": a review is of one run`,
      )
  }
  const read = readDrawn(drawn!)
  return run === '' || samples === '' || read === undefined
    ? undefined
    : { run: run!, samples: samples!, drawn: read }
}

function requireNew<T>(lines: Map<T, number>, key: T, line: number, column: string): void {
  const earlier = lines.get(key)
  if (earlier !== undefined)
    throw cellError(line, column, `is "${String(key)}", as in line ${earlier}: a sample is reviewed once`)
  lines.set(key, line)
}

/** Also `3.0` and `3,0`, which tables with empty cells become. */
function wholeNumber(text: string, line: number, column: string): number | undefined {
  if (text === '') return undefined
  const digits = WHOLE.exec(text)?.[1]
  if (digits === undefined || !(Number(digits) < 2 ** 32))
    throw cellError(line, column, `is "${text}", must be a whole number from 0 to 2^32 - 1`)
  return Number(digits)
}

/** It is shown only: a cell that is no probability is left out. */
function probabilityOf(text: string): number | undefined {
  const value = Number(text.replace(',', '.'))
  return text !== '' && value >= 0 && value <= 1 ? value : undefined
}

function cellError(line: number, column: string, problem: string): AbsgdError {
  return new AbsgdError('usage', `line ${line}, column "${column}": it ${problem}`)
}

const WHOLE = /^(\d+)(?:[.,]0+)?$/
