/** Writes decisions into the text of a review; all other cells stay as they are. */
import { decisionText, type Review, type ReviewRow } from './read-review.js'

/** The text of the review with the decisions of `rows`, which are its rows in order. */
export function reviewText({ table }: Review, rows: readonly ReviewRow[]): string {
  const { columns, delimiter } = table
  const action = columns.indexOf('action')
  const lines = table.rows.map(({ cells }, i) => {
    const filled = columns.map((_, column) => cells[column] ?? '')
    return filled.with(action, decisionText(rows[i]!.decision))
  })
  return [columns, ...lines].map((cells) => `${cells.map(quoted).join(delimiter)}\n`).join('')
}

function quoted(cell: string): string {
  return /[",;\t\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell
}
