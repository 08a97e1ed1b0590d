/** The comparison of arms as lines of text; at most 80 columns wide, unless names are longer. */
import type { Comparison, ComparedMetric, ArmFigures } from '../../statistics/compare-runs.js'
import type { Seed } from '../../statistics/group-runs.js'
import type { DifferingSetting } from '../../statistics/differing-settings.js'
import { formatDifference, formatMeanSd } from '../text/format.js'
import { table, WIDTH, wrap, type Column } from '../text/layout.js'
import { INTERNALS } from './page.js'
import { sanitize } from '../text/sanitize.js'

export interface ComparisonLinesOptions {
  /** Names of the metrics to show; each must be in the comparison. @default all, except those about the weights (`train.ess_ratio`, …) */
  readonly metrics?: readonly string[] | undefined
  /** @default 80 */
  readonly width?: number
}

/** A heading, a table, and notes about the table. */
export function comparisonLines(
  comparison: Comparison,
  { metrics, width = WIDTH }: ComparisonLinesOptions = {},
): string[] {
  const chosen = comparison.metrics.filter(({ metric }) =>
    metrics === undefined ? !INTERNALS.test(metric) : metrics.includes(metric),
  )
  const notes = footnotes(comparison, chosen)
  const tell = (text: string) => wrap(sanitize(text), { width, hanging: '  ' })
  return [
    ...tell(headline(comparison)),
    ...(chosen.length === 0 ? [] : ['', ...tableLines(comparison, chosen, width)]),
    ...(notes.length === 0 || chosen.length === 0 ? [] : ['']),
    ...notes.flatMap(tell),
  ]
}

function headline({ arms }: Comparison): string {
  if (arms.length === 0) return 'nothing to compare: no run is completed'
  const experiments = [...new Set(arms.map(({ experiment }) => experiment))]
  const runs = arms.reduce((sum, arm) => sum + arm.runs.length, 0)
  const counts = [counted(arms.length, 'arm'), counted(runs, 'completed run')]
  const [first = [], ...others] = arms.map((arm) => arm.runs.map(({ seed }) => seed))
  const same = others.every((seeds) => seedsInWords(seeds) === seedsInWords(first))
  if (same && seedsInWords(first) !== '')
    counts.push(`${plural(first.length, 'seed')} ${seedsInWords(first)}`)
  return `${experiments.join(', ')}: ${counts.join(', ')}`
}

/** A header, then for each metric its name and one line for each arm. */
function tableLines(
  { arms, baseline }: Comparison,
  metrics: readonly ComparedMetric[],
  width: number,
): string[] {
  const columns = arms.length === 1 ? COLUMNS.slice(0, 3) : COLUMNS
  const titled = columns.map((column, i) =>
    i === 3 ? { ...column, title: `− ${sanitize(baseline)}` } : column,
  )
  const rows = metrics.flatMap((metric) =>
    metric.arms.map((figures) => cellsOf(figures).slice(0, columns.length)),
  )
  const [header = '', ...lines] = table(titled, rows, width)
  const perMetric = arms.length
  return [
    header,
    ...metrics.flatMap((metric, i) => [
      sanitize(titleOf(metric)),
      ...lines.slice(i * perMetric, (i + 1) * perMetric),
    ]),
  ]
}

function titleOf({ metric, at, wins }: ComparedMetric): string {
  return at === 'best' ? `${metric}, at best` : `${metric}, last (${wins} wins)`
}

function cellsOf({ name, n, mean, sd, difference }: ArmFigures): string[] {
  const cells = [`  ${sanitize(name)}`, String(n), formatMeanSd(mean, sd)]
  if (difference === null) return [...cells, '', '', '']
  const { pairs, wins, ties } = difference
  const tied = ties === 0 ? '' : `, ${counted(ties, 'tie')}`
  return [...cells, ...formatDifference(difference.mean, difference.interval), `${wins}/${pairs}${tied}`]
}

function footnotes(comparison: Comparison, metrics: readonly ComparedMetric[]): string[] {
  const { arms, baseline, objective, differing, differingWithin, leftOut } = comparison
  const best = metrics.some(({ at }) => at === 'best') && objective !== null
  const differences = metrics.flatMap((metric) => metric.arms.flatMap((figures) => figures.difference ?? []))
  const goal = objective?.goal === 'minimize' ? 'lowest' : 'largest'
  return [
    ...(best ? [`at best: after the step with the ${goal} ${objective.metric}, the objective`] : []),
    ...pairingWords(comparison, differences.length > 0),
    ...(differences.some(({ interval }) => interval === null)
      ? ['an interval takes three seeds that both arms have']
      : []),
    ...arms.flatMap(({ name, unpaired, missing }) => [
      ...(unpaired.length === 0
        ? []
        : [
            `not paired: ${plural(unpaired.length, 'seed')} ${seedsInWords(unpaired)} of ${name}, which ${baseline} lacks`,
          ]),
      ...(missing.length === 0
        ? []
        : [
            `not paired: ${plural(missing.length, 'seed')} ${seedsInWords(missing)} of ${baseline}, which ${name} lacks`,
          ]),
    ]),
    ...differing.map((setting) => `the arms differ in ${settingInWords(setting)}`),
    ...differingWithin.map(
      ({ arm, ...setting }) => `warning: the runs of ${arm} differ in ${settingInWords(setting)}`,
    ),
    ...leftOut.map(({ run, reason }) => `left out: ${run} (${reason})`),
  ]
}

function pairingWords({ arms, baseline }: Comparison, paired: boolean): string[] {
  if (arms.length < 2) return []
  if (paired) return [`− ${baseline}: difference seed by seed; 95 % interval of its mean by Student's t`]
  if (arms.every(({ name }) => name !== baseline))
    return [`no differences: no run of ${baseline} is completed`]
  return ['no differences: the arms have no seed in common']
}

function settingInWords({ setting, values }: DifferingSetting): string {
  return `${setting}: ${values.map(({ value, of }) => `${shown(value)} (${of.join(', ')})`).join(', ')}`
}

function shown(value: unknown): string {
  return value === null ? 'none' : typeof value === 'string' ? value : JSON.stringify(value)
}

/** Seeds in ascending order: `0-4, 9`. Empty if there are none. */
export function seedsInWords(seeds: readonly Seed[]): string {
  const whole = seeds.filter((seed) => typeof seed === 'number').toSorted((a, b) => a - b)
  const others = seeds.filter((seed) => typeof seed === 'string').toSorted()
  const stretches: { from: number; to: number }[] = []
  for (const seed of whole) {
    const last = stretches.at(-1)
    if (last !== undefined && seed === last.to + 1) last.to = seed
    else stretches.push({ from: seed, to: seed })
  }
  return [
    ...stretches.flatMap(({ from, to }) =>
      from === to ? [String(from)] : to === from + 1 ? [String(from), String(to)] : [`${from}-${to}`],
    ),
    ...others,
  ].join(', ')
}

function counted(count: number, noun: string): string {
  return `${count} ${plural(count, noun)}`
}

function plural(count: number, noun: string): string {
  return count === 1 ? noun : `${noun}s`
}

const COLUMNS: readonly Column[] = [
  { title: '', shrinkTo: 10 },
  { title: 'n', align: 'right' },
  { title: 'mean ± sd' },
  { title: '', shrinkTo: 7 },
  { title: '95 % interval' },
  { title: 'wins' },
]
