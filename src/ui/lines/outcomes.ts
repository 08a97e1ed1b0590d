/** Tables and notes: how the same losses are weighted at several values of lambda. */
import type { LossesRead } from '../../analysis/loss-spread.js'
import type { Outcome } from '../../analysis/lambda-outcome.js'
import type { RunSummary } from '../../history/summarize-run.js'
import { formatControl, formatCount, formatNumber } from '../text/format.js'
import type { JsonObject } from './json.js'
import { table, type Column } from '../text/layout.js'
import { entry, headline } from './page.js'
import { damageInWords } from '../text/wording.js'

/** A row of the table: the request (`ess=0.6`), and its outcome. Undefined if no lambda gives the requested value. */
export interface ShownOutcome {
  readonly asked: string
  readonly outcome: Outcome | undefined
}

/** The steps that the losses are from, and their distribution. */
export function lossLines(summary: RunSummary, losses: LossesRead, truth: Outcome['wrong']): string[] {
  const { firstStep, lastStep, batches, samples, spread } = losses
  const where =
    firstStep === lastStep
      ? `step ${formatCount(lastStep)}`
      : `steps ${formatCount(firstStep)} to ${formatCount(lastStep)}`
  const { damage = [] } = summary
  return [
    ...entry('run', headline(summary)),
    ...entry('losses', `of ${where}: ${countOf(batches, 'batch', 'batches')}, ${countOf(samples, 'sample')}`),
    ...entry(
      'spread',
      `median ${formatNumber(spread.median)}, a tenth below ${formatNumber(spread.p10)}, a tenth above ${formatNumber(spread.p90)}; standard deviation in a batch ${formatNumber(spread.deviation)}`,
    ),
    ...(truth === undefined
      ? []
      : entry('truth', `${percent(truth.samples)} of these samples are labelled wrong`)),
    ...outcomeNotes(summary, losses).flatMap((note) => entry('note', note)),
    ...damage.flatMap((damaged) =>
      entry('damaged', `${damageInWords(damaged)}; what stands before it is counted`),
    ),
  ]
}

/** The fields that `what-if --json` and `suggest --json` share: the run, the losses, and the outcome at the current lambda. */
export function outcomeHead(summary: RunSummary, losses: LossesRead, now: Outcome | undefined): JsonObject {
  const { run, dir, status, steps } = summary
  return { run, dir, status, steps, losses, notes: outcomeNotes(summary, losses), now: now ?? null }
}

/** Notes about what the outcomes do not include. */
export function outcomeNotes(
  { status, steps, config, controls }: RunSummary,
  { lastStep, leftOut, weighing }: LossesRead,
): string[] {
  const later = steps - 1 - lastStep
  const { weighting } = config
  return [
    ...(status === 'running' ? ['the run goes on: these are the losses so far'] : []),
    ...(later > config.sampleEvery ? [`${countOf(later, 'step')} since then kept no samples`] : []),
    ...(weighing === 'loss' ? [] : [`losses are those of the weighing "${weighing}"`]),
    ...(leftOut === 0
      ? []
      : [`${countOf(leftOut, 'batch', 'batches')} with losses that are not finite left out`]),
    ...(weighting?.preset === 'reference' && weighting.floor
      ? ['the floor that this run adds to every weight, 1/n, is not in these figures']
      : []),
    ...((controls['class_balance'] ?? 0) > 0
      ? [
          `the factor of each class that this run multiplies weights by (class_balance ${controls['class_balance']}) is not in these figures`,
        ]
      : []),
  ]
}

export function outcomeTable(rows: readonly ShownOutcome[], width: number): string[] {
  const hasTruth = rows.some(({ outcome }) => outcome?.wrong !== undefined)
  const cellsOf = ({ asked, outcome }: ShownOutcome) => {
    if (outcome === undefined) return [asked, 'none', '', '', '', '', '', ...(hasTruth ? [''] : [])]
    const { lambda, essRatio, kl, maxWeight, hardestTenth, easiestTenth, wrong } = outcome
    return [
      asked,
      formatControl('lambda', lambda),
      essRatio.toFixed(3),
      kl.toFixed(3),
      maxWeight.toPrecision(3),
      percent(hardestTenth),
      percent(easiestTenth),
      ...(hasTruth ? [wrong === undefined ? '' : percent(wrong.weight)] : []),
    ]
  }
  const right = (title: string): Column => ({ title, align: 'right' })
  const columns: Column[] = [
    { title: 'ASKED', shrinkTo: 8 },
    right('LAMBDA'),
    right('ESS RATIO'),
    right('KL'),
    right('MAX W'),
    right('HARDEST'),
    right('EASIEST'),
    ...(hasTruth ? [right('WRONG')] : []),
  ]
  return table(columns, rows.map(cellsOf), width)
}

/** The meaning of the columns of `outcomeTable`. */
export const LEGEND =
  'Each batch is weighed on its own, as with gamma 1: its weights sum to 1. ESS RATIO: effective sample size / batch size. MAX W: the largest weight, 1 is even. HARDEST, EASIEST: share of the weight on the tenth of a batch with the highest and lowest losses, 10 % is even. WRONG: share on wrong labels.'

/** `4.1 %`: one decimal. */
export function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`
}

export function countOf(count: number, noun: string, plural = `${noun}s`): string {
  return `${formatCount(count)} ${count === 1 ? noun : plural}`
}
