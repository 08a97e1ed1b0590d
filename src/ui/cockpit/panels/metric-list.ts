/** The list of all metrics, in which the user chooses the metric of the chart. */
import { formatCount, formatNumber } from '../../text/format.js'
import { sanitize } from '../../text/sanitize.js'
import { metricNames } from '../metrics.js'
import { foundMetrics } from '../input/search-keys.js'
import { apart, line } from '../../text/styled-line.js'
import type { Theme } from '../theme.js'
import { selectedRun, type CockpitView } from '../view.js'
import { rule } from './rule.js'

export function metricListPanel(view: CockpitView, width: number, height: number, theme: Theme): string[] {
  const options = { width, ellipsis: theme.glyph.ellipsis }
  const { text, cursor } = view.ui.search
  const { state } = selectedRun(view)
  const found = foundMetrics(view)
  const title = `metrics: ${formatCount(found.length)} of ${formatCount(metricNames(state).length)}`
  const room = height - 2
  // Scrolls so that the chosen line is visible.
  const first = Math.max(0, Math.min(cursor - Math.floor(room / 2), found.length - room))
  const lines = [
    rule(title, width, theme),
    line([{ text: 'search: ', paint: theme.paint.label }, sanitize(text), theme.ascii ? '_' : '▏'], options),
    ...found.slice(first, first + room).map((name, i) => {
      const chosen = first + i === cursor
      const value = state.series.metrics.get(name)?.latest()
      const shown = value === undefined ? '' : formatNumber(value)
      return apart(
        [
          { text: `${chosen ? theme.glyph.chosen : ' '} `, paint: theme.paint.key },
          chosen ? { text: sanitize(name), paint: theme.paint.name } : sanitize(name),
        ],
        [{ text: ` ${shown}`, paint: Number.isFinite(value) ? theme.paint.value : theme.tone.bad }],
        options,
      )
    }),
  ].slice(0, height)
  return [...lines, ...Array.from({ length: height - lines.length }, () => ' '.repeat(width))]
}
