/** The position of every panel, by the size of the terminal. A new panel is added here. */
import { wrap } from '../text/layout.js'
import { sanitize } from '../text/sanitize.js'
import { chartsPanel } from './panels/charts.js'
import { headerPanel } from './panels/header.js'
import { helpPanel } from './panels/help.js'
import { logPanel } from './panels/log.js'
import { metricListPanel } from './panels/metric-list.js'
import { numbersList, numbersStrip } from './panels/numbers.js'
import { runsPanel } from './panels/runs.js'
import { statusOf, statusPanel } from './panels/status.js'
import { suspectsPanel } from './panels/suspects.js'
import { workerList, workerStrip } from './panels/worker.js'
import { questionLines } from './input/questions.js'
import { isTooSmall, MIN_SIZE, type Size } from './size.js'
import { line } from '../text/styled-line.js'
import type { Theme } from './theme.js'
import type { CockpitView } from './view.js'

/** Rows of text, or regions beside or below each other. */
export type Region =
  | { readonly type: 'rows'; readonly rows: readonly string[]; readonly width: number }
  | { readonly type: 'beside' | 'below'; readonly regions: readonly Region[] }

/** A screen of exactly this size. */
export function drawScreen(view: CockpitView, { columns, rows }: Size, theme: Theme): Region {
  if (isTooSmall({ columns, rows })) return tooSmall(view, { columns, rows }, theme)
  const body = rows - HEADER_ROWS - STATUS_ROWS
  const regions = [
    rowsOf(headerPanel(view, columns, theme), columns),
    drawBody(view, columns, body, theme),
    rowsOf(statusPanel(view, columns, theme), columns),
  ]
  return { type: 'below', regions }
}

/** The rows of a region, as a terminal shows them. */
export function rowsOfRegion(region: Region): readonly string[] {
  switch (region.type) {
    case 'rows':
      return region.rows
    case 'below':
      return region.regions.flatMap(rowsOfRegion)
    case 'beside': {
      const parts = region.regions.map(rowsOfRegion)
      return parts[0]!.map((_, row) => parts.map((part) => part[row] ?? '').join(''))
    }
    default:
      return region satisfies never
  }
}

function drawBody(view: CockpitView, width: number, height: number, theme: Theme): Region {
  if (view.ui.screen === 'help') return rowsOf(helpPanel(view, width, height, theme), width)
  if (view.ui.screen === 'runs') return rowsOf(runsPanel(view, width, height, theme), width)
  if (view.ui.screen === 'metrics') return rowsOf(metricListPanel(view, width, height, theme), width)
  return width >= WIDE && height >= TALL
    ? wide(view, width, height, theme)
    : narrow(view, width, height, theme)
}

function narrow(view: CockpitView, width: number, height: number, theme: Theme): Region {
  const numbers = height >= 26 ? 3 : 2
  const charts = Math.max(8, Math.round(height * 0.31) * 2)
  const log = height - charts - numbers - 1
  // There is no room for charts and suspects at once.
  const upper = view.ui.suspects ? suspectsPanel : chartsPanel
  return below(width, [
    upper(view, width, charts, theme),
    numbersStrip(view, width, numbers, theme),
    workerStrip(view, width, theme),
    logPanel(view, width, log, theme),
  ])
}

/** Two columns: charts and log on the left, numbers and worker on the right. */
function wide(view: CockpitView, width: number, height: number, theme: Theme): Region {
  const side = Math.min(48, Math.max(34, Math.floor(width * 0.26)))
  const main = width - side - GAP
  const charts = Math.floor(height * 0.36) * 2
  const worker = Math.min(WORKER_ROWS, Math.floor(height / 3))
  const upper = rowsOf(chartsPanel(view, main, charts, theme), main)
  return {
    type: 'beside',
    regions: [
      { type: 'below', regions: [upper, wideLog(view, main, height - charts, theme)] },
      gap(height),
      below(side, [numbersList(view, side, height - worker, theme), workerList(view, side, worker, theme)]),
    ],
  }
}

/** The log, and beside it the suspects if they are shown. */
function wideLog(view: CockpitView, width: number, height: number, theme: Theme): Region {
  if (!view.ui.suspects) return rowsOf(logPanel(view, width, height, theme), width)
  const left = Math.floor((width - GAP) / 2)
  const right = width - GAP - left
  return {
    type: 'beside',
    regions: [
      rowsOf(logPanel(view, left, height, theme), left),
      gap(height),
      rowsOf(suspectsPanel(view, right, height, theme), right),
    ],
  }
}

function gap(height: number): Region {
  return rowsOf(
    Array.from({ length: height }, () => ' '.repeat(GAP)),
    GAP,
  )
}

/** The open question if there is one, else the required size, the key to leave and the status, as far as they fit. */
function tooSmall(view: CockpitView, { columns, rows }: Size, { glyph }: Theme): Region {
  const { question } = view.ui
  const asked = question === undefined ? [] : questionLines(question, { columns, rows })
  const { text } = statusOf(view, columns)
  const words = [
    'the terminal is too small',
    `${columns}x${rows}, and ${MIN_SIZE.columns}x${MIN_SIZE.rows} are needed`,
    'q leaves',
    ...(question === undefined && text !== '' ? wrap(sanitize(text), { width: Math.max(1, columns) }) : []),
  ]
  const shown = asked.length > 0 ? asked : words
  const lines = Array.from({ length: rows }, (_, i) =>
    line([shown[i] ?? ''], { width: columns, ellipsis: glyph.ellipsis }),
  )
  return rowsOf(lines, columns)
}

function rowsOf(rows: readonly string[], width: number): Region {
  return { type: 'rows', rows, width }
}

function below(width: number, panels: readonly (readonly string[])[]): Region {
  return { type: 'below', regions: panels.map((rows) => rowsOf(rows, width)) }
}

const HEADER_ROWS = 2
const STATUS_ROWS = 2
const WIDE = 110
const TALL = 26
const GAP = 2
const WORKER_ROWS = 11
