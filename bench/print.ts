/** Figures as lines of JSON, as a table for a terminal, and as one for a page. */
import { formatNumber } from '../src/ui/text/format.js'
import { table } from '../src/ui/text/layout.js'
import { isMet, type Budget, type Figure } from './figure.js'

/** A figure and the benchmark that measured it. */
export interface Measured {
  readonly bench: string
  readonly figure: Figure
}

export function jsonLine({ bench, figure }: Measured): string {
  const { name, value, unit, budget = null } = figure
  return JSON.stringify({ bench, name, value, unit, budget, met: isMet(figure) ?? null })
}

export function textTable(all: readonly Measured[], width: number): string[] {
  return table(
    [
      { title: 'bench' },
      { title: 'what', shrinkTo: 20 },
      { title: 'value', align: 'right' },
      { title: 'budget' },
      { title: 'compared with', shrinkTo: 10 },
      { title: 'met' },
    ],
    all.map(({ bench, figure }) => [bench, ...cells(figure)]),
    width,
  )
}

export function markdownTable(all: readonly Measured[]): string[] {
  const row = (...texts: readonly string[]) => `| ${texts.join(' | ')} |`
  return [
    row('what', 'value', 'budget', 'compared with', 'met?'),
    '|---|---|---|---|---|',
    ...all.map(({ figure }) => row(...cells(figure).map((cell) => cell.replaceAll('|', '\\|')))),
  ]
}

function cells(figure: Figure): string[] {
  const { what, value, unit, budget, against = '' } = figure
  const met = isMet(figure)
  return [
    what,
    withUnit(value, unit),
    budget === undefined ? '' : budgetText(budget, unit),
    against,
    met === undefined ? '' : met ? 'yes' : 'missed',
  ]
}

function budgetText(budget: Budget, unit: string): string {
  return 'most' in budget ? `≤ ${withUnit(budget.most, unit)}` : `≥ ${withUnit(budget.least, unit)}`
}

function withUnit(value: number, unit: string): string {
  return unit === '' ? formatNumber(value) : `${formatNumber(value)} ${unit}`
}
