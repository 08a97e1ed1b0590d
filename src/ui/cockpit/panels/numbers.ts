/** The latest values of controls, weights and metrics. */
import { formatControl, formatCount, formatNumber } from '../../text/format.js'
import { sanitize } from '../../text/sanitize.js'
import { bestEvaluation, finalMetrics } from '../../../history/summarize-run.js'
import type { RunState } from '../feed/run-state.js'
import { apart, flowGroups, line, type Piece, type Pieces } from '../../text/styled-line.js'
import type { Theme } from '../theme.js'
import { selectedRun, type CockpitView } from '../view.js'
import { rule } from './rule.js'

/** The numbers side by side, on a few lines. */
export function numbersStrip(view: CockpitView, width: number, height: number, theme: Theme): string[] {
  const { state } = selectedRun(view)
  const groups = [...stepEntries(state, theme), ...evaluationEntries(state, theme)].map(
    ({ label, value, paint }): Pieces => [
      { text: `${label} `, paint: theme.paint.label },
      { text: value, paint: paint ?? theme.paint.value },
    ],
  )
  const options = { width, ellipsis: theme.glyph.ellipsis }
  const lines = flowGroups(groups, width).slice(0, height)
  return filled(
    lines.map((pieces) => line(pieces, options)),
    width,
    height,
  )
}

/** The numbers below each other, with a title. */
export function numbersList(view: CockpitView, width: number, height: number, theme: Theme): string[] {
  const { state } = selectedRun(view)
  const options = { width, ellipsis: theme.glyph.ellipsis }
  const row = ({ label, value, paint }: Entry) =>
    apart(
      [{ text: label, paint: theme.paint.label }],
      [{ text: ` ${value}`, paint: paint ?? theme.paint.value }],
      options,
    )
  const lines = [
    rule('now', width, theme),
    ...stepEntries(state, theme).map(row),
    rule('evaluation', width, theme),
    ...evaluationEntries(state, theme).map(row),
  ]
  return filled(lines.slice(0, height), width, height)
}

interface Entry {
  readonly label: string
  readonly value: string
  readonly paint?: Piece['paint']
}

/** A value that is not finite is shown in the colour of errors. */
function valueEntry(value: number, { tone }: Theme, usual?: Piece['paint']): Omit<Entry, 'label'> {
  const paint = Number.isFinite(value) ? usual : tone.bad
  return { value: formatNumber(value), ...(paint === undefined ? {} : { paint }) }
}

function stepEntries({ snapshot }: RunState, theme: Theme): readonly Entry[] {
  const { glyph, paint } = theme
  const { last } = snapshot
  if (last === undefined) return [{ label: 'no step was reported yet', value: '' }]
  const { controls, numbers } = last
  const known = new Set(['lambda', 'gamma', 'lr'])
  const control = (name: string, label: string, colour?: Piece['paint']): Entry[] =>
    controls[name] === undefined
      ? []
      : [
          {
            label,
            value: formatControl(name, controls[name]),
            ...(colour === undefined ? {} : { paint: colour }),
          },
        ]
  const number = (name: string, label: string, colour?: Piece['paint']): Entry[] =>
    numbers[name] === undefined ? [] : [{ label, ...valueEntry(numbers[name], theme, colour) }]
  return [
    ...control('lambda', glyph.lambda, paint.lambda),
    ...control('gamma', glyph.gamma),
    ...control('lr', 'lr'),
    ...number('train.sum_w', glyph.sumW),
    ...number('train.ess_ratio', 'ess ratio', paint.ess),
    ...number('train.loss', 'loss', paint.loss),
    ...number('train.kl', 'KL'),
    ...Object.keys(controls)
      .filter((name) => !known.has(name))
      .flatMap((name) => control(name, sanitize(name))),
  ]
}

/** The best evaluation by the objective, then the latest value of every metric, the metric of the objective first. */
function evaluationEntries({ snapshot, manifest }: RunState, theme: Theme): readonly Entry[] {
  const { paint } = theme
  const { objective } = manifest.config
  const best = bestEvaluation(snapshot.evaluations, objective)
  const rank = (name: string) => (name === objective?.metric ? 0 : 1)
  const latest = Object.entries(finalMetrics(snapshot))
    .filter(([name]) => !name.startsWith('train.'))
    .toSorted(([a], [b]) => rank(a) - rank(b))
  return [
    ...(best === null
      ? []
      : [
          {
            label: `best ${sanitize(best.metric)}`,
            value: `${formatNumber(best.value)} after ${formatCount(best.step + 1)}`,
            paint: paint.metric,
          },
        ]),
    ...latest.map(([name, value]) => ({ label: sanitize(name), ...valueEntry(value, theme) })),
  ]
}

function filled(lines: readonly string[], width: number, height: number): string[] {
  return [...lines, ...Array.from({ length: Math.max(0, height - lines.length) }, () => ' '.repeat(width))]
}
