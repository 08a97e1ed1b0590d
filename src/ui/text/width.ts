/** How many columns of a terminal a text takes, and texts of at most so many columns. The one place that measures text. */
import { lettersOf, stringWidth } from './unicode.js'

/** Columns of a terminal that a text takes: two for most letters of East Asia, none for an escape sequence. */
export function widthOf(text: string): number {
  return SIMPLE.test(text) ? text.length : stringWidth(text)
}

export interface CutOptions {
  /** @default '…' */
  readonly ellipsis?: string
  /** The part that is left out. @default 'end' */
  readonly position?: 'end' | 'middle'
}

/** The text, or as much of it as fits into `width` columns with an ellipsis in place of the rest. */
export function cut(
  text: string,
  width: number,
  { ellipsis = '…', position = 'end' }: CutOptions = {},
): string {
  if (widthOf(text) <= width) return text
  if (width <= ellipsis.length) return ellipsis.slice(0, Math.max(0, width))
  const room = width - widthOf(ellipsis)
  // Most lines of the cockpit are simple, and dividing a text into letters takes 100 times as long as a slice.
  if (SIMPLE.test(text)) {
    const after = position === 'middle' ? Math.floor(room / 2) : 0
    return text.slice(0, room - after) + ellipsis + text.slice(text.length - after)
  }
  // A cut never divides a letter.
  const letters = lettersOf(text)
  const end = position === 'middle' ? fitting(letters.toReversed(), Math.floor(room / 2)).toReversed() : []
  const beginning = fitting(letters, room - widthOf(end.join('')))
  return beginning.join('') + ellipsis + end.join('')
}

/** The first letters, as many as fit. cli-truncate is not used: it lets half of a letter of two columns stand over the edge. */
function fitting(letters: readonly string[], width: number): string[] {
  let used = 0
  const count = letters.findIndex((letter) => (used += widthOf(letter)) > width)
  return letters.slice(0, count === -1 ? letters.length : count)
}

/** The text with spaces behind it up to `width` columns; a wider text stays as it is. */
export function padTo(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - widthOf(text)))
}

/** Characters of one column each that never join into one letter: Latin, Greek, punctuation, arrows, frames, blocks and Braille. */
export const SIMPLE =
  /^[\x20-\x7e\u00a1-\u00ac\u00ae-\u02ff\u0391-\u03c9\u2010-\u2027\u2030-\u203b\u2190-\u2193\u2500-\u25fc\u2800-\u28ff]*$/
