/**
 * Which lambda gives batches a wanted effective sample size or divergence. Of softmax(losses/lambda) the first never
 * falls and the second never rises with |lambda|, so that bisection finds it. Gamma does not enter: it moves the sum of the weights alone.
 */
import { essRatioOfAppliedWeights } from './diagnostics.js'

export interface SolveOptions {
  /** +1 or -1: which side of 0 lambda is on. */
  readonly sign: 1 | -1
  /** Bounds of |lambda|, 0 < min < max < Infinity. */
  readonly min: number
  readonly max: number
}

export interface Solution {
  /** Of the sign asked for, |lambda| in [min, max]. */
  readonly lambda: number
  /** Set where the target lies beyond what the bounds can give. */
  readonly saturated?: 'min' | 'max'
}

/**
 * The lambda at which the mean over the batches of each batch's own ESS/n is `ratio`, in (0, 1]. Batches that are empty
 * or have a loss that is not finite are left out. Where no batch has two different losses, nothing is to be weighed:
 * the largest |lambda|.
 */
export function solveEss(batches: readonly Float32Array[], ratio: number, options: SolveOptions): Solution {
  return solve(batches, options, ({ ess }) => ess - ratio)
}

/** The same for the mean of each batch's own KL divergence from even weights, above 0, in nats. */
export function solveKl(batches: readonly Float32Array[], kl: number, options: SolveOptions): Solution {
  return solve(batches, options, (weighed) => kl - weighed.kl)
}

/** ESS/n of softmax(losses/lambda), in [1/n, 1]; lambda not 0, ±Infinity gives 1. NaN where a loss is not finite. */
export function essRatioAt(losses: Float32Array, lambda: number): number {
  return meanAt([offsetsOf(losses, lambda)], lambda).ess
}

/** KL divergence of the same weights from even ones, in nats, in [0, log n]. */
export function klAt(losses: Float32Array, lambda: number): number {
  return meanAt([offsetsOf(losses, lambda)], lambda).kl
}

/** Means over batches. */
interface Evenness {
  readonly ess: number
  readonly kl: number
}

/** `excess` is below 0 where |lambda| has to grow, above where it has to shrink, and does not fall with |lambda|. */
function solve(
  batches: readonly Float32Array[],
  { sign, min, max }: SolveOptions,
  excess: (evenness: Evenness) => number,
): Solution {
  const offsets = batches.filter(isUsable).map((losses) => offsetsOf(losses, sign))
  if (!offsets.some(isSpread)) return { lambda: sign * max, saturated: 'max' }
  const excessAt = (size: number) => excess(meanAt(offsets, sign * size))
  if (excessAt(max) < 0) return { lambda: sign * max, saturated: 'max' }
  if (excessAt(min) > 0) return { lambda: sign * min, saturated: 'min' }
  let [low, high] = [min, max]
  while (high / low > 1 + PRECISION) {
    // Of the roots, as the product may not fit a float64.
    const middle = Math.sqrt(low) * Math.sqrt(high)
    if (excessAt(middle) < 0) low = middle
    else high = middle
  }
  return { lambda: sign * high }
}

/** Whether a batch counts: it has losses, all of them finite. */
export function isUsable(losses: Float32Array): boolean {
  return losses.length > 0 && losses.every(Number.isFinite)
}

/** Losses less the one that weighs most, once a solution: subtracted before divided, nothing overflows. */
function offsetsOf(losses: Float32Array, lambda: number): Float64Array {
  let pivot = lambda > 0 ? -Infinity : Infinity
  for (const loss of losses) pivot = lambda > 0 ? Math.max(pivot, loss) : Math.min(pivot, loss)
  const offsets = new Float64Array(losses.length)
  for (let i = 0; i < offsets.length; i++) offsets[i] = losses[i]! - pivot
  return offsets
}

function isSpread(offsets: Float64Array): boolean {
  return offsets.some((offset) => offset !== 0)
}

function meanAt(batches: readonly Float64Array[], lambda: number): Evenness {
  let [ess, kl] = [0, 0]
  for (const offsets of batches) {
    const n = offsets.length
    let [sum, sumOfSquares, sumOfExponents] = [0, 0, 0]
    for (let i = 0; i < n; i++) {
      const exponent = offsets[i]! / lambda
      const weight = Math.exp(exponent)
      sum += weight
      sumOfSquares += weight * weight
      // An exponent of -Infinity has no weight.
      if (weight > 0) sumOfExponents += weight * exponent
    }
    ess += essRatioOfAppliedWeights({ n, sumW: sum, sumW2: sumOfSquares })
    // Rounding must not make it negative.
    kl += Math.max(0, sumOfExponents / sum - Math.log(sum / n))
  }
  return { ess: ess / batches.length, kl: kl / batches.length }
}

/** Relative, of lambda: some 35 halvings of a range of a hundred. */
const PRECISION = 1e-9
