/** A summary of all samples of a run. */
import { noiseRanking, type NoiseRanking } from './noise-auc.js'
import type { Position } from '../record/record.js'
import { UNKNOWN_LABEL } from './sample-columns.js'
import { isWrong, meanLosses, type SampleLosses } from './sample-losses.js'
import { topIndices } from './suspect-ranking.js'

export interface SampleOverview {
  /** Number of samples that were seen in training. */
  readonly seen: number
  /** Number of seen samples that are not ranked because they have a NaN loss. */
  readonly unranked: number
  /** Mean number of times that a seen sample was seen. */
  readonly timesSeen: { readonly least: number; readonly mean: number; readonly most: number }
  /** Distribution of the mean losses of the ranked samples; undefined if there are none. */
  readonly meanLoss: { readonly median: number; readonly p90: number; readonly largest: number } | undefined
  readonly histogram: readonly HistogramBin[]
  /** Share of all weight on the tenth of the samples with the largest mean losses, in [0, 1]: 0.1 is even. NaN without samples. */
  readonly hardestTenthWeight: number
  readonly noise:
    | (NoiseRanking & { /** Wrong ones among the first `wrong` of the ranking. */ readonly found: number })
    | undefined
  readonly prediction: PredictionOverview | undefined
}

/** Samples with a mean loss in [from, to). The last bin also has all samples above it. */
export interface HistogramBin {
  readonly from: number
  readonly to: number
  readonly count: number
  /** Number of them that are known to have a wrong label; undefined if unknown. */
  readonly wrong: number | undefined
}

export interface PredictionOverview {
  readonly at: Position
  readonly predicted: number
  /** Number of samples with a label and a prediction. */
  readonly compared: number
  /** Number of them whose predicted class differs from the label. */
  readonly disagree: number
  /** The pairs of label and prediction, the most frequent first. */
  readonly pairs: readonly { readonly label: number; readonly predicted: number; readonly count: number }[]
}

export function overviewOf(losses: SampleLosses): SampleOverview {
  const { size, counts } = losses
  let seen = 0
  let total = 0
  let least = Infinity
  let most = 0
  for (let index = 0; index < size; index += 1) {
    const count = counts[index]!
    if (count === 0) continue
    seen += 1
    total += count
    least = Math.min(least, count)
    most = Math.max(most, count)
  }
  const means = meanLosses(losses)
  const sorted = means.filter((mean) => !Number.isNaN(mean)).sort()
  const ranking = noiseRanking(losses)
  return {
    seen,
    unranked: seen - sorted.length,
    timesSeen: { least: seen === 0 ? 0 : least, mean: seen === 0 ? 0 : total / seen, most },
    meanLoss:
      sorted.length === 0
        ? undefined
        : { median: quantile(sorted, 0.5), p90: quantile(sorted, 0.9), largest: sorted.at(-1)! },
    histogram: histogramOf(losses, means, sorted),
    hardestTenthWeight: hardestTenthWeight(losses, means, sorted.length),
    noise: ranking === undefined ? undefined : { ...ranking, found: foundWithin(losses, ranking.wrong) },
    prediction: predictionOf(losses),
  }
}

function hardestTenthWeight(losses: SampleLosses, means: Float64Array, ranked: number): number {
  const weightOf = (index: number) => losses.weights[index]! / losses.counts[index]!
  const all = means.reduce((sum, mean, index) => (Number.isNaN(mean) ? sum : sum + weightOf(index)), 0)
  const hardest = topIndices(losses, Math.ceil(ranked / 10))
  return hardest.reduce((sum, index) => sum + weightOf(index), 0) / all
}

function foundWithin(losses: SampleLosses, count: number): number {
  return topIndices(losses, count).reduce(
    (found, index) => found + (isWrong(losses, index) === true ? 1 : 0),
    0,
  )
}

function histogramOf(losses: SampleLosses, means: Float64Array, sorted: Float64Array): HistogramBin[] {
  const finite = sorted.filter(Number.isFinite)
  if (finite.length === 0) return []
  // A few samples may have far larger losses; they share the last bin.
  const step = roundStep((quantile(finite, 0.99) - finite[0]!) / (BINS - 1))
  const first = Math.floor(finite[0]! / step)
  const last = Math.max(first, Math.floor(quantile(finite, 0.99) / step))
  const binOf = (mean: number) => Math.min(last, Math.max(first, Math.floor(mean / step))) - first
  const counts = new Uint32Array(last - first + 1)
  const wrong = new Uint32Array(last - first + 1)
  let known = false
  means.forEach((mean, index) => {
    if (Number.isNaN(mean)) return
    const label = isWrong(losses, index)
    known ||= label !== undefined
    counts[binOf(mean)]! += 1
    if (label === true) wrong[binOf(mean)]! += 1
  })
  return Array.from(counts, (count, i) => ({
    from: (first + i) * step,
    to: (first + i + 1) * step,
    count,
    wrong: known ? wrong[i]! : undefined,
  }))
}

function predictionOf({
  predictedAt,
  size,
  labels,
  predicted,
}: SampleLosses): PredictionOverview | undefined {
  if (predictedAt === undefined) return undefined
  let all = 0
  let compared = 0
  let disagree = 0
  const pairs = new Map<string, { label: number; predicted: number; count: number }>()
  for (let index = 0; index < size; index += 1) {
    const [label, given] = [labels[index]!, predicted[index]!]
    if (given === UNKNOWN_LABEL) continue
    all += 1
    if (label === UNKNOWN_LABEL) continue
    compared += 1
    if (label === given) continue
    disagree += 1
    const key = `${label} ${given}`
    const pair = pairs.get(key)
    if (pair === undefined) pairs.set(key, { label, predicted: given, count: 1 })
    else pair.count += 1
  }
  const frequent = [...pairs.values()].sort((a, b) => b.count - a.count || a.label - b.label).slice(0, PAIRS)
  return { at: predictedAt, predicted: all, compared, disagree, pairs: frequent }
}

/** A quantile of sorted values: the value nearest to it. */
function quantile(sorted: Float64Array, share: number): number {
  return sorted[Math.floor(share * (sorted.length - 1))]!
}

/** The smallest of 1, 2 or 5 × 10ᵏ that is at least `width`; 1 if the width is 0. */
function roundStep(width: number): number {
  if (!(width > 0)) return 1
  const power = 10 ** Math.floor(Math.log10(width))
  const factor = [1, 2, 5].find((one) => one * power >= width) ?? 10
  return factor * power
}

const BINS = 12
const PAIRS = 5
