/** The charts: a grid of all of them, or one large chart. */
import { chartLines } from '../../text/chart.js'
import { formatCount } from '../../text/format.js'
import { fitGroups, line, type Pieces } from '../../text/styled-line.js'
import { cut, widthOf } from '../../text/width.js'
import type { Theme } from '../theme.js'
import { selectedRun, type CockpitView } from '../view.js'
import { CHARTS, chartSpec } from './chart-specs.js'

export function chartsPanel(view: CockpitView, width: number, height: number, theme: Theme): string[] {
  const { chart } = view.ui
  if (chart !== undefined) return oneChart(CHARTS[chart] ?? 'loss', view, width, height, theme)
  const left = Math.floor((width - GAP) / 2)
  const right = width - GAP - left
  const top = Math.ceil(height / 2)
  const [loss, metric, lambda, ess] = CHARTS.map((name, i) =>
    oneChart(name, view, i % 2 === 0 ? left : right, i < 2 ? top : height - top, theme),
  )
  return [...beside(loss!, metric!), ...beside(lambda!, ess!)]
}

function oneChart(
  name: (typeof CHARTS)[number],
  view: CockpitView,
  width: number,
  height: number,
  theme: Theme,
): string[] {
  const { state } = selectedRun(view)
  const { position } = state.snapshot
  const columns = Math.max(1, width - LABELS)
  const { logScale, metric } = view.ui
  const spec = chartSpec(name, state, theme, { columns, logScale, metric })
  const value = spec.value === '' ? '' : ` ${spec.value}`
  // A long title is cut, so that the value stays visible.
  const label = cut(spec.title, Math.max(1, width - widthOf(value)), { ellipsis: theme.glyph.ellipsis })
  const title: Pieces[] = [
    [
      { text: label, paint: spec.paint },
      { text: value, paint: spec.isBroken === true ? theme.tone.bad : spec.paint },
    ],
    ...spec.more.map((text) => [{ text, paint: theme.paint.muted }]),
  ]
  const chart = chartLines(spec.series, {
    width,
    height: height - 1,
    x: { min: 0, max: Math.max(1, position - 1) },
    ascii: theme.ascii,
    paintAxis: theme.paint.muted,
    paintMark: theme.tone.bad,
    labelWidth: LABELS - 2,
    ...(height - 1 >= LABELLED_ROWS ? { xLabel: (x: number) => `step ${formatCount(Math.round(x))}` } : {}),
    ...spec.options,
  })
  return [line(fitGroups(title, width), { width, ellipsis: theme.glyph.ellipsis }), ...chart]
}

function beside(left: readonly string[], right: readonly string[]): string[] {
  return left.map((text, i) => `${text}${' '.repeat(GAP)}${right[i] ?? ''}`)
}

const GAP = 2
/** Columns of labels and axis, equal for all charts so that they line up. */
const LABELS = 9
/** A chart of at least this many rows has a row for the labels of the x axis. */
const LABELLED_ROWS = 7
