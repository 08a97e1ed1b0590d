/** The list of watched runs, one line each. */
import { formatCount, formatNumber } from '../../text/format.js'
import { sanitize } from '../../text/sanitize.js'
import { bestEvaluation } from '../../../history/summarize-run.js'
import { shownStatusOf, type RunState } from '../feed/run-state.js'
import { apart, line } from '../../text/styled-line.js'
import type { Theme } from '../theme.js'
import type { CockpitView } from '../view.js'
import { shownStatusInWords } from '../status-text.js'
import { rule } from './rule.js'

export function runsPanel(view: CockpitView, width: number, height: number, theme: Theme): string[] {
  const { runs, ui } = view
  const options = { width, ellipsis: theme.glyph.ellipsis }
  // Scrolls so that the chosen line is visible.
  const first = Math.max(0, Math.min(ui.selected - Math.floor(height / 2), runs.length - (height - 1)))
  const lines = [
    rule('runs', width, theme),
    ...runs.slice(first, first + height - 1).map(({ state }, i) => {
      const chosen = first + i === ui.selected
      const { text, tone, glyph } = shownStatusInWords(shownStatusOf(state))
      return apart(
        [
          { text: `${chosen ? theme.glyph.chosen : ' '} `, paint: theme.paint.key },
          chosen
            ? { text: sanitize(state.manifest.run), paint: theme.paint.name }
            : sanitize(state.manifest.run),
        ],
        [
          ` ${stepsOf(state)}  `,
          { text: valueOf(state), paint: theme.paint.muted },
          { text: `  ${theme.glyph[glyph]} ${text.padEnd(STATUS_COLUMNS)}`, paint: theme.tone[tone] },
        ],
        options,
      )
    }),
  ]
  const rest = Array.from({ length: Math.max(0, height - lines.length) }, () => line([], options))
  return [...lines, ...rest]
}

function stepsOf({ snapshot: { position, runSteps } }: RunState): string {
  return runSteps === 0 ? formatCount(position) : `${formatCount(position)}/${formatCount(runSteps)}`
}

function valueOf({ snapshot, manifest }: RunState): string {
  const best = bestEvaluation(snapshot.evaluations, manifest.config.objective)
  if (best !== null) return `${sanitize(best.metric)} ${formatNumber(best.value)}`
  const loss = snapshot.last?.numbers['train.loss']
  return loss === undefined ? '' : `loss ${formatNumber(loss)}`
}

const STATUS_COLUMNS = 18
