/**
 * Reads a table as text: CSV (RFC 4180), or what a spreadsheet makes of it: a byte order mark, semicolons or tabs, quoted numbers, CRLF.
 */
import { AbsgdError } from '../errors.js'

export interface TextTable {
  /** The names of the columns, in lower case, without spaces around them. */
  readonly columns: readonly string[]
  readonly delimiter: string
  /** Cells without spaces around them, and the number of the line, from 1, at which a row begins. Empty rows are left out. */
  readonly rows: readonly { readonly line: number; readonly cells: readonly string[] }[]
}

/** @throws AbsgdError 'usage' for a quoted cell without an end, a row with more cells than columns, and for a column that occurs twice. */
export function parseTable(text: string): TextTable {
  const plain = text.replace(/^\uFEFF/, '')
  const delimiter = delimiterOf(plain)
  const [header, ...rows] = rowsOf(plain, delimiter).filter(({ cells }) => cells.some((cell) => cell !== ''))
  const columns = (header?.cells ?? []).map((name) => name.toLowerCase())
  while (columns.at(-1) === '') columns.pop()
  const twice = columns.find((name, i) => columns.indexOf(name) !== i)
  if (twice !== undefined) throw new AbsgdError('usage', `the column "${twice}" occurs twice`)
  for (const { line, cells } of rows) {
    if (cells.slice(columns.length).some((cell) => cell !== ''))
      throw new AbsgdError(
        'usage',
        `line ${line} has ${cells.length} cells, and there are ${columns.length} columns`,
        { hint: 'put quotes around a cell that contains the delimiter' },
      )
  }
  return { columns, delimiter, rows }
}

/** The delimiter that the header contains most often. */
function delimiterOf(text: string): string {
  const header = text.slice(0, Math.max(0, text.search(/[\r\n]|$/)))
  const counts = [',', ';', '\t'].map((one) => ({ one, count: header.split(one).length }))
  return counts.reduce((best, next) => (next.count > best.count ? next : best)).one
}

function rowsOf(text: string, delimiter: string): { line: number; cells: string[] }[] {
  const rows: { line: number; cells: string[] }[] = []
  let line = 1
  let at = 0
  while (at < text.length) {
    const row = { line, cells: [] as string[] }
    for (;;) {
      const cell = text[at] === '"' ? quotedCell(text, at, line) : plainCell(text, at, delimiter)
      row.cells.push(cell.text.trim())
      line += cell.text.split('\n').length - 1
      at = cell.end
      if (text[at] !== delimiter) break
      at += 1
    }
    if (text[at] === '\r') at += 1
    if (text[at] === '\n') at += 1
    line += 1
    rows.push(row)
  }
  return rows
}

function plainCell(text: string, start: number, delimiter: string): { text: string; end: number } {
  let end = start
  while (end < text.length && text[end] !== delimiter && text[end] !== '\n' && text[end] !== '\r') end += 1
  return { text: text.slice(start, end), end }
}

function quotedCell(text: string, start: number, line: number): { text: string; end: number } {
  let found = ''
  let at = start + 1
  for (;;) {
    const quote = text.indexOf('"', at)
    if (quote < 0) throw new AbsgdError('usage', `a quote that begins in line ${line} does not end`)
    found += text.slice(at, quote)
    if (text[quote + 1] !== '"') return endOfQuoted(text, found, quote + 1, line)
    found += '"'
    at = quote + 2
  }
}

function endOfQuoted(text: string, found: string, end: number, line: number): { text: string; end: number } {
  if (end < text.length && !/[,;\t\r\n]/.test(text[end]!))
    throw new AbsgdError('usage', `text follows a closing quote in line ${line}`)
  return { text: found, end }
}
