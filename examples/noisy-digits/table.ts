/** The demo's table: mean ± sd over the seeds, and the difference to the first arm seed by seed. */
import type { ArmFigures, Comparison } from 'absgd'

interface Column {
  readonly title: string
  readonly metric: string
  /** After the last epoch, or after the one with the best validation accuracy. */
  readonly at: 'last' | 'best'
  readonly text: (figures: ArmFigures) => string
}

export function tableLines(comparison: Comparison): string[] {
  const columns = columnsOf(comparison.baseline)
  const figures = columns.map(({ metric, at }) =>
    comparison.metrics.find((compared) => compared.metric === metric && compared.at === at),
  )
  const rows = comparison.arms.map(({ name }, arm) => [
    name,
    ...columns.map(({ text }, i) => {
      const of = figures[i]?.arms[arm]
      return of === undefined ? '' : text(of)
    }),
  ])
  const head = ['arm', ...columns.map(({ title }) => title)]
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)))
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd()
  return ['', ...CAPTION, '', line(head), line(widths.map((width) => '─'.repeat(width))), ...rows.map(line)]
}

function columnsOf(baseline: string): readonly Column[] {
  return [
    { title: 'last', metric: 'test.accuracy', at: 'last', text: percent },
    { title: 'best val', metric: 'test.accuracy', at: 'best', text: percent },
    { title: 'worst class', metric: 'test.worst_class_accuracy', at: 'last', text: percent },
    { title: 'AUC', metric: 'noise_auc', at: 'last', text: ({ mean }) => mean?.toFixed(3) ?? '' },
    { title: `last − ${baseline}, paired`, metric: 'test.accuracy', at: 'last', text: difference },
    { title: 'wins', metric: 'test.accuracy', at: 'last', text: wins },
  ]
}

function percent({ mean, sd }: ArmFigures): string {
  if (mean === null) return ''
  return `${(100 * mean).toFixed(1)}${sd === null ? '' : ` ± ${(100 * sd).toFixed(1)}`}`
}

/** Each seed against itself: what the seed alone does cancels out. */
function difference({ difference }: ArmFigures): string {
  if (difference === null) return ''
  const { mean, interval } = difference
  const signed = (value: number) => `${value < 0 ? '' : '+'}${(100 * value).toFixed(1)}`
  const within = interval === null ? '' : ` [${signed(interval.low)}, ${signed(interval.high)}]`
  return `${signed(mean)}${within}`
}

function wins({ difference }: ArmFigures): string {
  return difference === null ? '' : `${difference.wins}/${difference.pairs}`
}

const CAPTION = [
  'Test accuracy in %, mean ± sd over the seeds: after the last epoch, after the',
  'one with the best validation accuracy; the difference with its 95 % interval.',
  "AUC: how well a sample's mean loss over the epochs finds the wrong labels.",
]
