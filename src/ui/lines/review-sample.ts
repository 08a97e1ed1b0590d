/** One sample of a review as a screen of text, and its image as half blocks. */
import { decisionText } from '../../review/read-review.js'
import { labelsOf, type Reviewing } from '../../review/reviewing.js'
import { formatNumber } from '../text/format.js'
import { wrap } from '../text/layout.js'
import { sanitize } from '../text/sanitize.js'
import { entry } from './page.js'

/** What can be shown of the sample itself. */
export type Preview =
  | { readonly type: 'none' }
  | { readonly type: 'text'; readonly lines: readonly string[] }
  | {
      readonly type: 'image'
      readonly width: number
      readonly height: number
      /** Red, green and blue of each pixel, row by row. */
      readonly rgb: Uint8Array
    }

export interface ScreenSize {
  readonly columns: number
  readonly rows: number
}

/** @param losses - The losses of the sample, the latest last; empty if they are unknown, or would tell a suspect. */
export function reviewScreen(
  state: Reviewing,
  losses: readonly number[],
  preview: Preview,
  { columns, rows }: ScreenSize,
): string[] {
  const row = state.rows[state.at]!
  const done = state.rows.filter(({ decision }) => decision.type !== 'open').length
  const { id, index, label, predicted, probability, decision } = row
  const facts = [
    `sample ${state.at + 1} of ${state.rows.length}, ${done} reviewed`,
    ...entry('id', id === '' ? '–' : id),
    ...entry('index', String(index)),
    ...entry('label', label === undefined ? '–' : String(label)),
    ...(predicted === undefined
      ? []
      : entry(
          'predicted',
          `${predicted}${probability === undefined ? '' : `; probability of the label ${formatNumber(probability)}`}`,
        )),
    ...(losses.length === 0 ? [] : entry('losses', losses.slice(-LOSSES).map(formatNumber).join(' '))),
    ...entry('action', decision.type === 'open' ? '–' : decisionText(decision)),
  ].map(sanitize)
  const question =
    state.typed === undefined
      ? ['k keep  d drop  r relabel  u undo  ← → move  q quit (all is saved)']
      : [
          ...wrap(`labels: ${labelsOf(state.rows).slice(0, LABELS).join(' ')}`),
          `new label: ${state.typed}▏ (Enter takes it, Esc does not)`,
        ]
  const room = Math.max(0, rows - facts.length - question.length - 2)
  return [...facts, '', ...previewLines(preview, columns, room), ...question].slice(0, Math.max(1, rows))
}

function previewLines(preview: Preview, columns: number, rows: number): string[] {
  if (preview.type === 'none' || rows < 2) return []
  if (preview.type === 'image') return [...halfBlocks(preview, columns, rows - 1), '']
  return [
    ...preview.lines.slice(0, rows - 1).map((line) => [...sanitize(line)].slice(0, columns).join('')),
    '',
  ]
}

/** Each character shows two pixels, one above the other. The image keeps its proportions and is not made larger. */
function halfBlocks(
  { width, height, rgb }: Extract<Preview, { type: 'image' }>,
  columns: number,
  rows: number,
): string[] {
  const scale = Math.min(1, columns / width, (2 * rows) / height)
  const [w, h] = [Math.max(1, Math.floor(width * scale)), Math.max(1, Math.floor(height * scale))]
  const color = (x: number, y: number) => {
    const at = 3 * (Math.floor(y / scale) * width + Math.floor(x / scale))
    return `${rgb[at]};${rgb[at + 1]};${rgb[at + 2]}`
  }
  return Array.from({ length: Math.ceil(h / 2) }, (_, line) => {
    const cells = Array.from({ length: w }, (_x, x) => {
      const below = 2 * line + 1 < h ? `\u001B[48;2;${color(x, 2 * line + 1)}m` : '\u001B[49m'
      return `\u001B[38;2;${color(x, 2 * line)}m${below}▀`
    })
    return `${cells.join('')}\u001B[0m`
  })
}

const LOSSES = 12
const LABELS = 60
