/** The weights that another lambda would give to recorded losses. It needs no training, and does not depend on gamma. */
import type { LabelledBatch } from '../samples/recent-samples.js'
import { UNKNOWN_LABEL } from '../samples/sample-columns.js'
import { essRatioAt, isUsable, klAt } from '../weighting/solve-lambda.js'

export type LossBatch = Pick<LabelledBatch, 'losses' | 'labels' | 'trueLabels'>

/**
 * Figures of the weights softmax(losses/lambda) of some batches; the weights of each batch sum to 1. They are means over the batches
 * unless stated otherwise. Shares are in [0, 1].
 */
export interface Outcome {
  /** In units of loss; ±Infinity is off. */
  readonly lambda: number
  /** Effective sample size over batch size, in (0, 1]. */
  readonly essRatio: number
  /** KL divergence from even weights, in nats. */
  readonly kl: number
  /** The largest weight of any sample, times its batch size: from 1, which is even. */
  readonly maxWeight: number
  /** Share of the weight on the tenth of each batch with the highest losses: 0.1 is even. */
  readonly hardestTenth: number
  /** Share of the weight on the tenth of each batch with the lowest losses: 0.1 is even. */
  readonly easiestTenth: number
  /** Shares by label; empty if labels are unknown. */
  readonly classes: readonly ClassShare[]
  /** Share of the samples that are known to have a wrong label; undefined if true labels are unknown. */
  readonly wrong: Share | undefined
}

export interface Share {
  /** Share of the samples. */
  readonly samples: number
  /** Share of the weight. */
  readonly weight: number
}

export interface ClassShare extends Share {
  readonly label: number
}

/** @param batches - At least one that `isUsable`; others are left out. @param lambda - Not 0; ±Infinity is off. */
export function outcomeAt(batches: readonly LossBatch[], lambda: number): Outcome {
  const usable = batches.filter(({ losses }) => isUsable(losses))
  const meanOf = (value: (batch: LossBatch, weights: Float64Array) => number) =>
    usable.reduce((sum, batch, i) => sum + value(batch, weights[i]!), 0) / usable.length
  const weights = usable.map(({ losses }) => softmax(losses, lambda))
  // Sorted weights are in the order of the losses, for lambda < 0 in the opposite order.
  const sorted = weights.map((each) => each.slice().sort())
  const meanTenth = (tenthOf: (sorted: Float64Array) => number) =>
    sorted.reduce((sum, each) => sum + tenthOf(each), 0) / sorted.length
  const [lightest, heaviest] = [meanTenth(firstTenth), meanTenth((each) => firstTenth(each.toReversed()))]
  return {
    lambda,
    essRatio: meanOf(({ losses }) => essRatioAt(losses, lambda)),
    kl: meanOf(({ losses }) => klAt(losses, lambda)),
    maxWeight: weights.reduce((most, each) => each.reduce((a, w) => Math.max(a, w * each.length), most), 0),
    hardestTenth: lambda > 0 ? heaviest : lightest,
    easiestTenth: lambda > 0 ? lightest : heaviest,
    classes: classShares(usable, weights),
    wrong: wrongShare(usable, weights),
  }
}

function softmax(losses: Float32Array, lambda: number): Float64Array {
  const pivot = losses.reduce((a, b) => (lambda > 0 ? Math.max(a, b) : Math.min(a, b)))
  const weights = new Float64Array(losses.length)
  let total = 0
  for (let i = 0; i < weights.length; i++) total += weights[i] = Math.exp((losses[i]! - pivot) / lambda)
  for (let i = 0; i < weights.length; i++) weights[i]! /= total
  return weights
}

/** Sum of the first tenth of the weights. If the number of samples is no multiple of ten, the last sample counts in part. */
function firstTenth(weights: Float64Array): number {
  const whole = Math.floor(weights.length / 10)
  const sum = weights.subarray(0, whole).reduce((a, b) => a + b, 0)
  return sum + (weights.length / 10 - whole) * weights[whole]!
}

function classShares(batches: readonly LossBatch[], weights: readonly Float64Array[]): ClassShare[] {
  const shares = new Map<number, { label: number; samples: number; weight: number }>()
  batches.forEach(({ labels }, b) =>
    labels.forEach((label, i) => {
      if (label === UNKNOWN_LABEL) return
      const share = shares.get(label) ?? { label, samples: 0, weight: 0 }
      share.samples += 1 / labels.length / batches.length
      share.weight += weights[b]![i]! / batches.length
      shares.set(label, share)
    }),
  )
  return [...shares.values()].sort((a, b) => a.label - b.label)
}

function wrongShare(batches: readonly LossBatch[], weights: readonly Float64Array[]): Share | undefined {
  let isKnown = false
  let [samples, weight] = [0, 0]
  batches.forEach(({ labels, trueLabels }, b) =>
    labels.forEach((label, i) => {
      if (label === UNKNOWN_LABEL || trueLabels[i] === UNKNOWN_LABEL) return
      isKnown = true
      if (label === trueLabels[i]) return
      samples += 1 / labels.length / batches.length
      weight += weights[b]![i]! / batches.length
    }),
  )
  return isKnown ? { samples, weight } : undefined
}
