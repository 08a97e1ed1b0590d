/** How a question is drawn: whole, or not at all. No key answers a question that is not drawn. */
import { wrap } from '../../text/layout.js'
import { isTooSmall, type Size } from '../size.js'
import type { Question } from '../view.js'

/** The lines of a question where the panels do not fit and it has the screen for itself, else its one line; none for no room. */
export function questionLines({ text, short }: Question, size: Size): readonly string[] {
  const rows = isTooSmall(size) ? size.rows : 1
  if (size.columns < LEAST_COLUMNS) return []
  const drawn = [text, short].map((words) => wrap(words, { width: size.columns }))
  return drawn.find((lines) => lines.length <= rows) ?? []
}

/** Below it words would be broken. */
const LEAST_COLUMNS = 10
