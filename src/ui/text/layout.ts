/** Lines of at most a given width: tables, wrapped text, labelled values. Widths are columns of a terminal. */
import { wrapAnsi } from './unicode.js'
import { cut, padTo, SIMPLE, widthOf } from './width.js'

export const WIDTH = 80

export interface Column {
  readonly title: string
  /** @default 'left' */
  readonly align?: 'left' | 'right'
  /** The narrowest that the column may become where the table is too wide. The widest column is made narrower first. */
  readonly shrinkTo?: number
  /** The part of a cell that stays where it is cut. @default 'beginning' */
  readonly keeps?: 'beginning' | 'both-ends'
}

export interface Indents {
  /** @default 80 */
  readonly width?: number
  /** Before the first line. @default '' */
  readonly indent?: string
  /** Before the others. @default indent */
  readonly hanging?: string
}

/** Header and rows, two spaces apart. Wider than `width` only where no column may become narrower. */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width = WIDTH,
): string[] {
  const lines = [columns.map(({ title }) => title), ...rows]
  const widths = columns.map((_, i) => Math.max(...lines.map((cells) => widthOf(cells[i]!))))
  shrink(widths, columns, width - 2 * (columns.length - 1))
  return lines.map((cells) =>
    cells
      .map((cell, i) => {
        const { keeps, align } = columns[i]!
        const text = cut(cell, widths[i]!, { position: keeps === 'both-ends' ? 'middle' : 'end' })
        return align === 'right' ? ' '.repeat(widths[i]! - widthOf(text)) + text : padTo(text, widths[i]!)
      })
      .join('  ')
      .trimEnd(),
  )
}

/** Breaks at spaces; a word that is wider than a line is broken too. Every line is indented. */
export function wrap(text: string, { width = WIDTH, indent = '', hanging = indent }: Indents = {}): string[] {
  const words = text.normalize().split(' ').filter(Boolean).join(' ')
  const [first = '', ...others] = linesOf(words, width - widthOf(indent))
  if (others.length === 0) return [indent + first]
  // The first line has an indent of its own, so the rest is wrapped again to the width that is left beside `hanging`.
  const rest = linesOf(words.slice(first.length).trimStart(), width - widthOf(hanging))
  return [indent + first, ...rest.map((line) => hanging + line)]
}

function linesOf(text: string, width: number): string[] {
  const columns = Math.max(1, width)
  const words = text.split(' ')
  if (SIMPLE.test(text) && words.every((word) => word.length <= columns)) return simpleLinesOf(words, columns)
  return wrapAnsi(text, columns, { hard: true }).split('\n')
}

/** Lines of words of which each character takes one column, and none is longer than a line. */
function simpleLinesOf([first = '', ...words]: readonly string[], columns: number): string[] {
  const lines: string[] = []
  let line = first
  for (const word of words) {
    if (line.length + 1 + word.length <= columns) {
      line += ` ${word}`
    } else {
      lines.push(line)
      line = word
    }
  }
  return [...lines, line]
}

/** `  label   text`, the text wrapped in a column of its own. */
export function labelled(
  label: string,
  text: string,
  { width = WIDTH, labelWidth = LABEL_WIDTH } = {},
): string[] {
  const indent = `  ${padTo(label, labelWidth)}  `
  return wrap(text, { width, indent, hanging: ' '.repeat(widthOf(indent)) })
}

/** Items side by side, on as many lines as they need. No item is broken. */
export function flow(
  items: readonly string[],
  { width = WIDTH, indent = '', hanging = indent }: Indents = {},
): string[] {
  const lines: string[] = []
  let line: string | undefined
  for (const item of items) {
    const longer = line === undefined ? (lines.length === 0 ? indent : hanging) + item : `${line}  ${item}`
    if (line !== undefined && widthOf(longer) > width) {
      lines.push(line)
      line = hanging + item
    } else line = longer
  }
  return line === undefined ? lines : [...lines, line]
}

/** As many of the items as fit into one line, and the number of those that do not (`+2`). */
export function fit(items: readonly string[], width = WIDTH): string {
  let line = ''
  for (const [i, item] of items.entries()) {
    const longer = line === '' ? item : `${line}  ${item}`
    const left = items.length - i - 1
    const room = left === 0 ? 0 : `  +${left}`.length
    if (line !== '' && widthOf(longer) + room > width) return `${line}  +${items.length - i}`
    line = longer
  }
  return line
}

function shrink(widths: number[], columns: readonly Column[], available: number): void {
  const total = () => widths.reduce((sum, width) => sum + width, 0)
  while (total() > available) {
    let widest = -1
    for (const [i, { shrinkTo }] of columns.entries()) {
      if (shrinkTo === undefined || widths[i]! <= shrinkTo) continue
      if (widest === -1 || widths[i]! > widths[widest]!) widest = i
    }
    if (widest === -1) return
    widths[widest]! -= 1
  }
}

const LABEL_WIDTH = 8
