/** An overview of the samples of a run: the distribution of their losses, and notes about the ranking. */
import type { RunSnapshot } from '../../history/run-snapshot.js'
import type { SampleLosses } from '../../samples/sample-losses.js'
import type { HistogramBin, PredictionOverview, SampleOverview } from '../../samples/sample-overview.js'
import type { DamagedFile, RunSummary } from '../../history/summarize-run.js'
import { isVisible } from '../../history/visible-steps.js'
import { GAP_REASONS } from './events.js'
import { formatCount, formatNumber } from '../text/format.js'
import { table, WIDTH, wrap } from '../text/layout.js'
import { entry, headline } from './page.js'
import { sanitize } from '../text/sanitize.js'
import { damageInWords } from '../text/wording.js'

export interface SamplePage {
  readonly summary: RunSummary
  readonly snapshot: RunSnapshot
  readonly losses: SampleLosses
  readonly overview: SampleOverview
  /** Only samples with this label are included. */
  readonly label: number | undefined
}

/** `absgd samples RUN`. */
export function overviewLines(page: SamplePage): string[] {
  const { summary, overview } = page
  const { meanLoss, hardestTenthWeight, noise, prediction, histogram } = overview
  const lines = [
    ...wrap(`${summary.run}: the losses of ${samplesInWords(overview.seen, page.label)}`),
    ...entry('run', headline(summary)),
    ...entry('seen', seenInWords(overview)),
    ...(meanLoss === undefined
      ? []
      : entry(
          'mean loss',
          `median ${formatNumber(meanLoss.median)}, 90 % below ${formatNumber(meanLoss.p90)}, largest ${formatNumber(meanLoss.largest)}`,
        )),
    ...entry('weight', `the tenth with the largest mean loss has ${percent(hardestTenthWeight)} of it`),
    ...(noise === undefined
      ? []
      : entry(
          'truth',
          `AUC ${noise.auc.toFixed(3)} of the mean loss over ${formatCount(noise.wrong)} wrong and ${formatCount(noise.right)} right labels; of the ${formatCount(noise.wrong)} largest ${formatCount(noise.found)} are wrong`,
        )),
    ...(prediction === undefined ? [] : entry('predicted', predictionInWords(prediction))),
    ...noteLines(page),
    '',
    ...histogramLines(histogram),
    '',
    ...wrap(`most suspicious first: absgd samples ${summary.run} --suspects 50`),
  ]
  return lines.map(sanitize)
}

/** Notes: which samples are missing, and what a high loss means in this run. */
export function notesOf({ summary, snapshot, losses, overview, label }: SamplePage): string[] {
  const { sampleEvery } = summary.config
  const lambda = snapshot.last?.controls['lambda'] ?? NaN
  const { unindexed, beyond, weighing = 'loss' } = losses
  const { worker } = snapshot
  const size = ('hello' in worker ? worker.hello?.datasetSize : undefined) ?? 0
  const neverSeen = label === undefined ? Math.max(0, size - overview.seen) : 0
  return [
    ...(summary.status === 'running' ? ['the run goes on: this is what its log has so far'] : []),
    ...(lambda > 0 && lambda < Infinity
      ? ['λ > 0 attends to hard samples: the first are the hardest, be they rare or labelled wrong']
      : []),
    ...(weighing === 'loss' ? [] : [`losses are those of the weighing "${weighing}"`]),
    ...(sampleEvery > 1 ? [`only every ${ordinal(sampleEvery)} step keeps its samples`] : []),
    ...snapshot.gaps
      .filter(({ attempt, firstStep }) => isVisible(snapshot.rewinds, attempt, firstStep))
      .map(
        ({ firstStep, reason }) =>
          `samples are missing from step ${formatCount(firstStep)} on: ${GAP_REASONS[reason]}`,
      ),
    ...(neverSeen === 0 ? [] : [`${samplesInWords(neverSeen)} never seen, and not ranked`]),
    ...(overview.unranked === 0
      ? []
      : [`${samplesInWords(overview.unranked)} not ranked: a loss of theirs is no number`]),
    ...(unindexed === 0 ? [] : [`${formatCount(unindexed)} losses have no index and are left out`]),
    ...(beyond === 0 ? [] : [`${formatCount(beyond)} losses have an index from 2^27 on and are left out`]),
  ]
}

/** `notesOf`, and the damaged parts of the log. */
export function noteLines(page: SamplePage): string[] {
  const { damage = [] } = page.summary
  return [
    ...notesOf(page).flatMap((note) => entry('note', note)),
    ...damage.flatMap((damaged: DamagedFile) =>
      entry('damaged', `${damageInWords(damaged)}; what stands before it is counted`),
    ),
  ]
}

/** `997 samples`, `1 sample with the label 3`. */
export function samplesInWords(count: number, label?: number): string {
  const noun = count === 1 ? 'sample' : 'samples'
  return `${formatCount(count)} ${noun}${label === undefined ? '' : ` with the label ${label}`}`
}

/** `60 times each`, `58 to 60 times, 59.2 on average`. */
export function seenInWords({ timesSeen: { least, mean, most } }: SampleOverview): string {
  if (least === most) return most === 1 ? 'once each' : `${formatCount(most)} times each`
  return `${formatCount(least)} to ${formatCount(most)} times, ${formatNumber(mean)} on average`
}

function predictionInWords({ at, predicted, compared, disagree, pairs }: PredictionOverview): string {
  const by = `the model after ${formatCount(at.step + 1)} steps`
  if (compared === 0) return `${by} predicts ${samplesInWords(predicted)}`
  const which = pairs.map(
    ({ label, predicted: taken, count }) => `${label} for ${taken} (${formatCount(count)})`,
  )
  return `${by} takes ${formatCount(disagree)} of ${samplesInWords(compared)} for another class than the label says${which.length === 0 ? '' : `: ${which.join(', ')}`}`
}

function histogramLines(bins: readonly HistogramBin[]): string[] {
  if (bins.length === 0) return []
  const known = bins.some(({ wrong }) => wrong !== undefined)
  const largest = bins.reduce((most, { count }) => Math.max(most, count), 1)
  const step = bins[0]!.to - bins[0]!.from
  const decimals = Math.min(12, Math.max(0, -Math.floor(Math.log10(step) + 1e-9)))
  const rows = bins.map(({ from, to, count, wrong = 0 }, i) => {
    const upper = i === bins.length - 1 ? ' and more' : ` to ${to.toFixed(decimals)}`
    const length = Math.ceil((count / largest) * BAR)
    const dark = Math.round(((count - wrong) / Math.max(1, count)) * length)
    const bar = '█'.repeat(dark) + '░'.repeat(length - dark)
    return [from.toFixed(decimals) + upper, formatCount(count), ...(known ? [formatCount(wrong)] : []), bar]
  })
  const columns = [
    { title: 'MEAN LOSS' },
    { title: 'SAMPLES', align: 'right' as const },
    ...(known ? [{ title: 'WRONG', align: 'right' as const }] : []),
    { title: known ? '█ right  ░ wrong label' : '' },
  ]
  return table(columns, rows, WIDTH)
}

function percent(share: number): string {
  return `${formatNumber(100 * share)} %`
}

function ordinal(count: number): string {
  const endings = ['th', 'st', 'nd', 'rd']
  const ending = Math.floor((count % 100) / 10) === 1 ? 'th' : (endings[count % 10] ?? 'th')
  return `${formatCount(count)}${ending}`
}

/** Columns of the longest bar. */
const BAR = 36
