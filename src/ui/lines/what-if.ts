/** The lines of `absgd what-if`: outcomes at other values of lambda, beside those at the current one. */
import type { RunSummary } from '../../history/summarize-run.js'
import type { LossesRead } from '../../analysis/loss-spread.js'
import type { Outcome } from '../../analysis/lambda-outcome.js'
import { formatControl, formatCount } from '../text/format.js'
import { table, wrap } from '../text/layout.js'
import { LEGEND, lossLines, outcomeTable, percent, type ShownOutcome } from './outcomes.js'
import { sanitize } from '../text/sanitize.js'

export interface WhatIfPage {
  readonly summary: RunSummary
  readonly losses: LossesRead
  /** Outcome at the current lambda. */
  readonly now: Outcome | undefined
  readonly asked: readonly { readonly asked: string; readonly outcome: Outcome }[]
}

/** @param width - Columns of the terminal, at least 80. */
export function whatIfLines({ summary, losses, now, asked }: WhatIfPage, width: number): string[] {
  const before = now === undefined ? [] : [{ asked: 'now', outcome: now }]
  const rows = [...before, ...asked]
  const lines = [
    ...wrap(`${summary.run}: the last losses, weighed at other values of lambda`),
    ...lossLines(summary, losses, rows[0]?.outcome.wrong),
    '',
    ...outcomeTable(rows, width),
    '',
    ...classLines(rows, width),
    ...wrap(LEGEND, { width }),
  ]
  return lines.map(sanitize)
}

function classLines(
  rows: readonly (ShownOutcome & { readonly outcome: Outcome })[],
  width: number,
): string[] {
  const all = rows[0]?.outcome.classes ?? []
  if (all.length === 0) return []
  const shown = mostChanged(rows.map(({ outcome }) => outcome)).slice(0, CLASSES)
  const which =
    all.length > shown.length
      ? `the ${shown.length} of ${formatCount(all.length)} classes whose share changes most`
      : 'by class'
  const lines = wrap(`Share of the samples and of the weight, ${which}:`, { width })
  for (let first = 0; first < rows.length; first += LAMBDAS) {
    const some = rows.slice(first, first + LAMBDAS)
    const titles = ['CLASS', 'SAMPLES', ...some.map(titleOf)]
    const cells = shown.map((i) => [
      String(all[i]!.label),
      percent(all[i]!.samples),
      ...some.map(({ outcome }) => percent(outcome.classes[i]!.weight)),
    ])
    lines.push(
      ...table(
        titles.map((title) => ({ title, align: 'right' })),
        cells,
        width,
      ),
      '',
    )
  }
  return lines
}

/** Indices of classes: all in order if they fit, else first those whose weight differs most from their share of the samples. */
function mostChanged(outcomes: readonly Outcome[]): number[] {
  const places = outcomes[0]!.classes.map((_, i) => i)
  if (places.length <= CLASSES) return places
  const change = places.map((i) =>
    outcomes.reduce((most, { classes }) => {
      const { samples, weight } = classes[i]!
      return Math.max(most, Math.abs(weight - samples))
    }, 0),
  )
  return places.sort((a, b) => change[b]! - change[a]! || a - b)
}

function titleOf({ asked, outcome }: ShownOutcome & { readonly outcome: Outcome }): string {
  const lambda = formatControl('lambda', outcome.lambda)
  return asked === 'now' ? `NOW ${lambda}` : lambda
}

/** Most rows of the table of classes. */
const CLASSES = 10
/** Most values of lambda that fit beside each other in 80 columns. */
const LAMBDAS = 6
