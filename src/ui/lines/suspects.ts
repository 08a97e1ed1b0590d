/** The ranking of suspects as a table. */
import type { Suspect } from '../../samples/suspect-ranking.js'
import { formatCount, formatNumber } from '../text/format.js'
import { table, WIDTH, wrap, type Column } from '../text/layout.js'
import { entry, headline } from './page.js'
import { sanitize } from '../text/sanitize.js'
import { noteLines, samplesInWords, seenInWords, type SamplePage } from './samples.js'

export interface ShownSuspect extends Suspect {
  readonly id?: string
}

/** `absgd samples RUN --suspects`. @param width - Columns of the terminal, at least 80. */
export function suspectLines(page: SamplePage, suspects: readonly ShownSuspect[], width = WIDTH): string[] {
  const { summary, overview, losses, label } = page
  const { noise } = overview
  const known = suspects.filter(({ isWrong }) => isWrong !== undefined)
  const wrong = known.filter(({ isWrong }) => isWrong === true).length
  const { predictedAt } = losses
  const truth = [
    ...(noise === undefined
      ? []
      : [
          `AUC ${noise.auc.toFixed(3)} over ${formatCount(noise.wrong)} wrong and ${formatCount(noise.right)} right labels`,
        ]),
    ...(known.length === 0
      ? []
      : [`${formatCount(wrong)} of these ${formatCount(known.length)} are wrong (≠)`]),
  ]
  const lines = [
    ...wrap(
      `${summary.run}: ${formatCount(suspects.length)} of ${samplesInWords(overview.seen, label)}, the most suspicious first`,
    ),
    ...entry('run', headline(summary)),
    ...entry('ranking', `by mean loss; samples were seen ${seenInWords(overview)}; a WEIGHT of 1 is even`),
    ...(truth.length === 0 ? [] : entry('truth', truth.join('; '))),
    ...(predictedAt === undefined
      ? []
      : entry(
          'predicted',
          `by the model after ${formatCount(predictedAt.step + 1)} steps${suspects.some(({ labelProbability }) => labelProbability !== undefined) ? '; P is its probability of the label' : ''}`,
        )),
    ...noteLines(page),
  ]
  return [...lines.map(sanitize), '', ...suspectTable(suspects, width)]
}

function suspectTable(suspects: readonly ShownSuspect[], width: number): string[] {
  const meanLosses = aligned(suspects.map(({ meanLoss }) => meanLoss))
  const weights = aligned(suspects.map(({ meanWeight }) => meanWeight))
  const has = (key: keyof ShownSuspect) => suspects.some((suspect) => suspect[key] !== undefined)
  const columns: (Column & { readonly cells: readonly string[] })[] = [
    { title: 'RANK', cells: suspects.map(({ rank }) => formatCount(rank)) },
    { title: 'INDEX', cells: suspects.map(({ index }) => String(index)) },
    ...(has('label') ? [{ title: 'LABEL', cells: suspects.map(({ label }) => cell(label)) }] : []),
    ...(has('trueLabel')
      ? [
          {
            title: 'TRUE',
            cells: suspects.map(
              ({ trueLabel, isWrong }) => `${isWrong === true ? '≠ ' : ''}${cell(trueLabel)}`,
            ),
          },
        ]
      : []),
    ...(has('predicted')
      ? [{ title: 'PREDICTED', cells: suspects.map(({ predicted }) => cell(predicted)) }]
      : []),
    ...(has('labelProbability')
      ? [{ title: 'P', cells: suspects.map(({ labelProbability }) => labelProbability?.toFixed(3) ?? '') }]
      : []),
    { title: 'MEAN LOSS', cells: meanLosses },
    { title: 'WEIGHT', cells: weights },
    { title: 'SEEN', cells: suspects.map(({ timesSeen }) => formatCount(timesSeen)) },
  ]
  const lines = table(
    columns.map(({ title }) => ({ title, align: 'right' })),
    suspects.map((_, i) => columns.map(({ cells }) => cells[i]!)),
    width,
  )
  if (!has('id')) return lines
  const room = Math.max(SHORTEST_ID, width - lines.reduce((most, line) => Math.max(most, line.length), 0) - 2)
  const ids = ['ID', ...suspects.map(({ id = '' }) => cutStart(sanitize(id), room))]
  return lines.map((line, i) => `${line}  ${ids[i]!}`.trimEnd())
}

function cell(label: number | undefined): string {
  return label === undefined ? '' : String(label)
}

/** All with the same decimals, so many that the largest value has four digits. */
function aligned(values: readonly number[]): string[] {
  const largest = values.reduce(
    (most, value) => (Number.isFinite(value) ? Math.max(most, Math.abs(value)) : most),
    0,
  )
  if (largest >= 1e6 || largest < 1e-4) return values.map(formatNumber)
  const decimals = Math.max(0, 3 - Math.floor(Math.log10(largest)))
  return values.map((value) => (Number.isFinite(value) ? value.toFixed(decimals) : formatNumber(value)))
}

/** Cuts the beginning: the end of a path says more. */
function cutStart(text: string, width: number): string {
  const characters = [...text]
  return characters.length <= width ? text : `…${characters.slice(characters.length - width + 1).join('')}`
}

const SHORTEST_ID = 8
