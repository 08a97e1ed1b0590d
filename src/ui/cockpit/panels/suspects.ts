/** The samples with the largest mean loss: most likely labelled wrong for λ < 0, the hardest for λ > 0. */
import { formatCount, formatNumber } from '../../text/format.js'
import { sanitize } from '../../text/sanitize.js'
import type { NamedSuspect } from '../feed/sample-feed.js'
import { line, type Pieces } from '../../text/styled-line.js'
import { widthOf } from '../../text/width.js'
import type { Theme } from '../theme.js'
import { selectedRun, type CockpitView } from '../view.js'
import { rule } from './rule.js'

export function suspectsPanel(view: CockpitView, width: number, height: number, theme: Theme): string[] {
  const { state, suspects } = selectedRun(view)
  const options = { width, ellipsis: theme.glyph.ellipsis }
  const { status, problem, top, samples, auc } = suspects
  const lambda = state.snapshot.last?.controls['lambda'] ?? Infinity
  const name = lambda > 0 && Number.isFinite(lambda) ? 'hardest samples' : 'suspects'
  const details = [
    top.length === 0 ? '' : `by mean loss, of ${formatCount(samples)}`,
    auc === undefined ? '' : `AUC ${auc.toFixed(3)}`,
    status === 'reading' && top.length > 0 ? 'still reading' : '',
  ].filter((text) => text !== '')
  const title = [name, ...details].join(', ')
  const said = emptyInWords(status, problem)
  const rows =
    top.length === 0
      ? [line([{ text: said, paint: theme.tone[status === 'failed' ? 'bad' : 'plain'] }], options)]
      : tableRows(top.slice(0, Math.max(0, height - 2)), width, theme).map((pieces) => line(pieces, options))
  const lines = [rule(title, width, theme), ...rows].slice(0, height)
  return [...lines, ...Array.from({ length: height - lines.length }, () => ' '.repeat(width))]
}

function emptyInWords(status: 'reading' | 'ready' | 'failed', problem: string): string {
  if (status === 'failed') return `the samples cannot be read: ${sanitize(problem)}`
  return status === 'reading'
    ? 'reading the samples'
    : 'no sample with an index is recorded: record.samples is off, or the data has no index'
}

/** A header, then one row for each sample. Columns without any value are left out. */
function tableRows(
  suspects: readonly NamedSuspect[],
  width: number,
  { paint, tone, ascii }: Theme,
): Pieces[] {
  const has = (key: keyof NamedSuspect) => suspects.some((suspect) => suspect[key] !== undefined)
  const [arrow, wrong] = ascii ? ['->', '!'] : ['→', '≠']
  const columns: Column[] = [
    { title: '#', cell: ({ rank }) => String(rank) },
    { title: 'index', cell: ({ index }) => String(index) },
    ...(has('label')
      ? [
          {
            title: has('predicted') ? `label ${arrow}` : 'label',
            cell: ({ label, predicted }: NamedSuspect) =>
              `${label ?? '?'}${predicted === undefined ? '' : ` ${arrow} ${predicted}`}`,
          },
        ]
      : []),
    ...(has('trueLabel')
      ? [
          {
            title: 'true',
            cell: ({ trueLabel, isWrong }: NamedSuspect) =>
              `${isWrong === true ? wrong : ' '} ${trueLabel ?? '?'}`,
          },
        ]
      : []),
    { title: 'loss', cell: ({ meanLoss }) => formatNumber(meanLoss) },
    { title: 'weight', cell: ({ meanWeight }) => meanWeight.toFixed(2) },
    { title: 'seen', cell: ({ timesSeen }) => formatCount(timesSeen) },
  ]
  const rows = suspects.map((suspect) => columns.map(({ cell }) => cell(suspect)))
  const widths = columns.map(({ title }, i) =>
    rows.reduce((most, row) => Math.max(most, widthOf(row[i]!)), widthOf(title)),
  )
  const padded = (row: readonly string[]) =>
    row.map((text, i) => ' '.repeat(widths[i]! - widthOf(text)) + text).join('  ')
  const room = width - widths.reduce((sum, columnWidth) => sum + columnWidth + 2, 0)
  const withName = (text: string, name: string) =>
    has('id') ? `${text}  ${shortened(name, room, ascii)}` : text
  return [
    [{ text: withName(padded(columns.map(({ title }) => title)), 'sample'), paint: paint.muted }],
    ...rows.map((row, i): Pieces => {
      const text = withName(padded(row), suspects[i]!.id ?? '')
      return suspects[i]!.isWrong === true ? [{ text, paint: tone.warn }] : [text]
    }),
  ]
}

interface Column {
  readonly title: string
  readonly cell: (suspect: NamedSuspect) => string
}

/** Cuts the beginning of an id: the end of a path says more. */
function shortened(id: string, room: number, ascii: boolean): string {
  const text = [...sanitize(id)]
  if (widthOf(text.join('')) <= room) return text.join('')
  while (text.length > 0 && widthOf(text.join('')) > Math.max(0, room - 1)) text.shift()
  return (ascii ? '~' : '…') + text.join('')
}
