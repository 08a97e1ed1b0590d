/** Lines of exactly a given width, made of coloured pieces. */
import type { Paint } from './chart.js'
import { cut, widthOf } from './width.js'

export interface Piece {
  readonly text: string
  readonly paint?: Paint
}

export type Pieces = readonly (Piece | string)[]

export interface LineOptions {
  readonly width: number
  readonly ellipsis: string
}

/** The pieces as one line of `width` columns: cut at its end, or filled with spaces. */
export function line(pieces: Pieces, { width, ellipsis }: LineOptions): string {
  let text = ''
  let room = width
  for (const piece of pieces) {
    const { text: content, paint } = typeof piece === 'string' ? { text: piece, paint: undefined } : piece
    if (content === '') continue
    const part = cut(content, room, { ellipsis })
    room -= widthOf(part)
    text += paint === undefined ? part : paint(part)
    if (part !== content) break
  }
  return text + ' '.repeat(Math.max(0, room))
}

/** `left` at the beginning and `right` at the end of a line; `left` is cut where both do not fit. */
export function apart(left: Pieces, right: Pieces, options: LineOptions): string {
  const rightWidth = widthOfPieces(right)
  if (rightWidth >= options.width) return line(right, options)
  return (
    line(left, { ...options, width: options.width - rightWidth }) +
    line(right, { ...options, width: rightWidth })
  )
}

export function widthOfPieces(pieces: Pieces): number {
  return pieces.reduce((sum, piece) => sum + widthOf(typeof piece === 'string' ? piece : piece.text), 0)
}

/** As many groups as fit into the width, with `gap` columns between them. */
export function fitGroups(groups: readonly Pieces[], width: number, gap = 2): Pieces {
  const kept: (Piece | string)[] = []
  let used = 0
  for (const group of groups) {
    const more = widthOfPieces(group) + (used === 0 ? 0 : gap)
    if (used + more > width) continue
    if (used > 0) kept.push(' '.repeat(gap))
    kept.push(...group)
    used += more
  }
  return kept
}

/** Groups side by side, on as many lines as they need. No group is broken. */
export function flowGroups(groups: readonly Pieces[], width: number, gap = 2): readonly Pieces[] {
  const lines: (Piece | string)[][] = []
  let used = Infinity
  for (const group of groups) {
    const more = widthOfPieces(group)
    if (used + gap + more > width) {
      lines.push([...group])
      used = more
    } else {
      lines.at(-1)!.push(' '.repeat(gap), ...group)
      used += gap + more
    }
  }
  return lines
}
