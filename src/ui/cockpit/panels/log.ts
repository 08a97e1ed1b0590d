/** The latest events of the run, and the latest lines that its worker printed. */
import { sanitize } from '../../text/sanitize.js'
import type { RunEvent } from '../feed/run-state.js'
import { line, type Piece } from '../../text/styled-line.js'
import type { Theme } from '../theme.js'
import { selectedRun, type CockpitView } from '../view.js'
import { rule } from './rule.js'

/** Events get as many rows as they need; the worker's lines get at least a third of the height. */
export function logPanel(view: CockpitView, width: number, height: number, theme: Theme): string[] {
  const { events, workerLines } = selectedRun(view).state
  const printed = workerLines.filter((text) => text.trim() !== '').map(sanitize)
  // One row for the title, and one for the title of the worker's lines if both are shown.
  const room = height - 1
  const share =
    printed.length === 0
      ? 0
      : Math.min(printed.length + 1, Math.max(0, room - events.length, Math.ceil(room / 3)))
  const shownEvents = events.slice(Math.max(0, events.length - (room - share)))
  const options = { width, ellipsis: theme.glyph.ellipsis }
  const lines = [
    rule('log', width, theme),
    ...shownEvents.map((event) => line(piecesOf(event, width, theme), options)),
    ...(share === 0 ? [] : printedLines(printed, share, width, theme)),
  ].slice(0, height)
  return [...lines, ...Array.from({ length: height - lines.length }, () => ' '.repeat(width))]
}

function printedLines(printed: readonly string[], room: number, width: number, theme: Theme): string[] {
  const options = { width, ellipsis: theme.glyph.ellipsis }
  const withTitle = room >= 3
  const count = withTitle ? room - 1 : room
  const lines = printed
    .slice(-count)
    .map((text) => line([{ text: `${theme.glyph.dot} `, paint: theme.paint.muted }, text], options))
  return withTitle ? [rule('the worker prints', width, theme), ...lines] : lines
}

function piecesOf(
  { timeMs, tone, text, detail }: RunEvent,
  width: number,
  theme: Theme,
): readonly (Piece | string)[] {
  const label = width < TIMED_WIDTH ? '' : detail ? ' '.repeat(TIME_COLUMNS) : `${timeOf(timeMs)} `
  return [
    { text: label, paint: theme.paint.muted },
    { text: detail ? text : sanitize(text), paint: theme.tone[tone] },
  ]
}

/** Local time of day. */
function timeOf(timeMs: number): string {
  const date = new Date(timeMs)
  return [date.getHours(), date.getMinutes(), date.getSeconds()]
    .map((part) => String(part).padStart(2, '0'))
    .join(':')
}

const TIMED_WIDTH = 70
const TIME_COLUMNS = 9
