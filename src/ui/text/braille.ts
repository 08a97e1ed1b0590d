/** A raster of dots, two by four in each cell, as text: braille, or ASCII for a terminal without braille. */

export interface Raster {
  /** Dots across and down. */
  readonly width: number
  readonly height: number
  /** Starts a new layer: in each cell, a later layer replaces an earlier one. */
  layer(): void
  /** Draws a dot. Coordinates count from the upper left corner; a dot outside the raster is not drawn. */
  dot(x: number, y: number): void
  /** Draws a line between two points. The points may lie outside the raster. */
  line(x0: number, y0: number, x1: number, y1: number): void
  /** The cells of a row, from the left. */
  row(row: number): readonly Cell[]
}

export interface Cell {
  /** One character. */
  readonly text: string
  /** Counted from 0 in the order of `layer` calls; -1 for an empty cell. */
  readonly layer: number
}

export const DOTS_ACROSS = 2
export const DOTS_DOWN = 4

/** @param columns, rows - in cells, from 1. */
export function createRaster(columns: number, rows: number, { ascii = false } = {}): Raster {
  const width = columns * DOTS_ACROSS
  const height = rows * DOTS_DOWN
  const dots = new Uint8Array(columns * rows)
  const owners = new Int16Array(columns * rows).fill(-1)
  const character = ascii ? asciiOf : brailleOf
  let current = -1

  function dot(x: number, y: number): void {
    const column = Math.round(x)
    const line = Math.round(y)
    if (column < 0 || line < 0 || column >= width || line >= height) return
    const cell = Math.floor(line / DOTS_DOWN) * columns + Math.floor(column / DOTS_ACROSS)
    if (owners[cell] !== current) {
      owners[cell] = current
      dots[cell] = 0
    }
    dots[cell]! |= BITS[line % DOTS_DOWN]![column % DOTS_ACROSS]!
  }

  return {
    width,
    height,
    layer() {
      current += 1
    },
    dot,
    line(x0, y0, x1, y1) {
      const part = clip(x0, y0, x1 - x0, y1 - y0, width - 1, height - 1)
      if (part === undefined) return
      const [from, to] = part
      const across = (x1 - x0) * (to - from)
      const down = (y1 - y0) * (to - from)
      const count = Math.max(1, Math.ceil(Math.max(Math.abs(across), Math.abs(down))))
      const startX = x0 + (x1 - x0) * from
      const startY = y0 + (y1 - y0) * from
      for (let i = 0; i <= count; i += 1) dot(startX + (across * i) / count, startY + (down * i) / count)
    },
    row(row) {
      return Array.from({ length: columns }, (_, column) => {
        const cell = row * columns + column
        return { text: character(dots[cell]!), layer: owners[cell]! }
      })
    },
  }
}

/** The part of a line that is inside, as fractions of it (Liang and Barsky); half a dot more on every side. */
function clip(
  x: number,
  y: number,
  dx: number,
  dy: number,
  right: number,
  bottom: number,
): readonly [number, number] | undefined {
  let from = 0
  let to = 1
  for (const [p, q] of [
    [-dx, x + HALF],
    [dx, right + HALF - x],
    [-dy, y + HALF],
    [dy, bottom + HALF - y],
  ] as const) {
    if (p === 0) {
      if (q < 0) return undefined
    } else if (p < 0) from = Math.max(from, q / p)
    else to = Math.min(to, q / p)
  }
  return from > to ? undefined : [from, to]
}

function brailleOf(bits: number): string {
  return bits === 0 ? ' ' : String.fromCharCode(BRAILLE + bits)
}

/** The character that looks most like the dots. */
function asciiOf(bits: number): string {
  if (bits === 0) return ' '
  if (TEXTURES.has(bits)) return ':'
  const left = rowsOf(bits, 0)
  const right = rowsOf(bits, 1)
  const all = [...left, ...right]
  const highest = Math.min(...all)
  const lowest = Math.max(...all)
  if (left.length > 0 && right.length > 0 && lowest - highest >= 2) {
    const fall = mean(right) - mean(left)
    if (fall >= 1) return '\\'
    if (fall <= -1) return '/'
  }
  if (lowest - highest >= 2) return '|'
  const middle = (highest + lowest) / 2
  return middle < 1 ? "'" : middle > 2 ? '_' : '-'
}

function rowsOf(bits: number, column: number): readonly number[] {
  return BITS.flatMap((row, index) => ((bits & row[column]!) === 0 ? [] : [index]))
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

/** Bits of a braille pattern, by row and column (Unicode, "Braille Patterns"). */
const BITS = [
  [0x01, 0x08],
  [0x02, 0x10],
  [0x04, 0x20],
  [0x40, 0x80],
] as const
const BRAILLE = 0x2800
const HALF = 0.5
/** Every other dot of a cell. */
const TEXTURES: ReadonlySet<number> = new Set([0x01 | 0x10 | 0x04 | 0x80, 0x08 | 0x02 | 0x20 | 0x40])
