/** Lines of a given width: tables, wrapped text, labelled values. */

export const WIDTH = 80

export interface Column {
  readonly title: string
  /** @default 'left' */
  readonly align?: 'left' | 'right'
  /** May be cut to this many characters where the table is too wide; the column with the longest cells first. */
  readonly shrinkTo?: number
  /** What a cut leaves. @default 'beginning' */
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

/** Header and rows, two spaces apart. Wider than `width` only where no column may be cut any further. */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width = WIDTH,
): string[] {
  const lines = [columns.map(({ title }) => title), ...rows]
  const widths = columns.map((_, i) => Math.max(...lines.map((cells) => lengthOf(cells[i]!))))
  shrink(widths, columns, width - 2 * (columns.length - 1))
  return lines.map((cells) =>
    cells
      .map((cell, i) => {
        const text = (columns[i]!.keeps === 'both-ends' ? cutInside : cut)(cell, widths[i]!)
        const space = ' '.repeat(widths[i]! - lengthOf(text))
        return columns[i]!.align === 'right' ? space + text : text + space
      })
      .join('  ')
      .trimEnd(),
  )
}

/** Breaks at spaces; a word longer than a line is broken anywhere. Every line is indented. */
export function wrap(text: string, { width = WIDTH, indent = '', hanging = indent }: Indents = {}): string[] {
  const lines: string[] = []
  let line = indent
  let empty = true
  for (const word of text.split(' ').filter(Boolean)) {
    if (!empty && lengthOf(line) + 1 + lengthOf(word) > width) {
      lines.push(line)
      line = hanging
      empty = true
    }
    let rest = [...word]
    while (lengthOf(line) + rest.length > width && empty) {
      const room = Math.max(1, width - lengthOf(line))
      lines.push(line + rest.slice(0, room).join(''))
      rest = rest.slice(room)
      line = hanging
    }
    line += empty ? rest.join('') : ` ${rest.join('')}`
    empty = false
  }
  return [...lines, line]
}

/** `  label   text`, the text wrapped in a column of its own. */
export function labelled(
  label: string,
  text: string,
  { width = WIDTH, labelWidth = LABEL_WIDTH } = {},
): string[] {
  const indent = `  ${label.padEnd(labelWidth)}  `
  return wrap(text, { width, indent, hanging: ' '.repeat(lengthOf(indent)) })
}

/** Items on lines of their own, as many a line as fit: an item is never broken. */
export function flow(
  items: readonly string[],
  { width = WIDTH, indent = '', hanging = indent }: Indents = {},
): string[] {
  const lines: string[] = []
  let line: string | undefined
  for (const item of items) {
    const longer = line === undefined ? (lines.length === 0 ? indent : hanging) + item : `${line}  ${item}`
    if (line !== undefined && lengthOf(longer) > width) {
      lines.push(line)
      line = hanging + item
    } else line = longer
  }
  return line === undefined ? lines : [...lines, line]
}

/** As many of the items as fit into one line; of those left out, how many. */
export function fit(items: readonly string[], width = WIDTH): string {
  let line = ''
  for (const [i, item] of items.entries()) {
    const longer = line === '' ? item : `${line}  ${item}`
    const left = items.length - i - 1
    const room = left === 0 ? 0 : `  +${left}`.length
    if (line !== '' && lengthOf(longer) + room > width) return `${line}  +${items.length - i}`
    line = longer
  }
  return line
}

/** The text, or its beginning and an ellipsis. */
export function cut(text: string, width: number): string {
  const characters = [...text]
  return characters.length <= width ? text : `${characters.slice(0, Math.max(0, width - 1)).join('')}…`
}

/** The text, or its two ends around an ellipsis. */
function cutInside(text: string, width: number): string {
  const characters = [...text]
  if (characters.length <= width) return text
  const end = Math.floor((width - 1) / 2)
  return `${cut(text, width - end)}${characters.slice(characters.length - end).join('')}`
}

/** In characters; those that take two columns of a terminal count as one. */
function lengthOf(text: string): number {
  return [...text].length
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
