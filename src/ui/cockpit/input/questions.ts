/** Questions are drawn completely or not at all. A question that is not drawn cannot be answered. */
import { wrap } from '../../text/layout.js'
import { isTooSmall, type Size } from '../size.js'
import type { Question } from '../view.js'

/** The lines of a question: one line below the panels, or the whole screen of a small terminal. None if it does not fit. */
export function questionLines({ text, short }: Question, size: Size): readonly string[] {
  const rows = isTooSmall(size) ? size.rows : 1
  if (size.columns < MIN_COLUMNS) return []
  const drawn = [text, short].map((words) => wrap(words, { width: size.columns }))
  return drawn.find((lines) => lines.length <= rows) ?? []
}

/** In fewer columns, words would be broken. */
const MIN_COLUMNS = 10
