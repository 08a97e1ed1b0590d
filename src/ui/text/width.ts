/** How many columns of a terminal a text takes, and texts of at most so many columns. The one place that measures text. */
import stringWidth from 'string-width'

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
  const letters = Array.from(LETTERS.segment(text), ({ segment }) => segment)
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

/** One letter as readers see it, with its accents and joined symbols. A cut never divides it. */
const LETTERS = new Intl.Segmenter()
const SIMPLE = /^[\x20-\x7e]*$/
