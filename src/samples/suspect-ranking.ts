/** Ranks the samples by mean loss over the epochs: those with the largest are most likely to have a wrong label. */
import { UNKNOWN_LABEL } from './sample-columns.js'
import { isWrong, type SampleLosses } from './sample-losses.js'

export interface Suspect {
  /** Place in the ranking, from 1. */
  readonly rank: number
  /** Index in the training data, from 0. */
  readonly index: number
  /** Label as used in training; absent if the task has no labels. */
  readonly label?: number
  /** Class that the model predicted; absent if the task cannot predict, or has not predicted yet. */
  readonly predicted?: number
  /** Probability that the model gave to `label`, in [0, 1]. */
  readonly labelProbability?: number
  /** True label, if the task knows it. */
  readonly trueLabel?: number
  /** Whether `label` differs from `trueLabel`; absent if either of them is. */
  readonly isWrong?: boolean
  /** Mean unweighted loss over all times that the sample was seen, in units of loss. */
  readonly meanLoss: number
  /** Standard deviation of these losses. */
  readonly lossSpread: number
  /** The latest of these losses. */
  readonly lastLoss: number
  /** Mean of weight × batch size: 1 is even, 0 means that the sample was ignored. */
  readonly meanWeight: number
  readonly timesSeen: number
}

/**
 * The first `count` samples of the ranking by mean loss, the largest first; samples with equal losses are sorted by index. Samples
 * that were never seen, or have a NaN loss, are not ranked.
 *
 * It takes one pass, and memory for `count` samples, so that a display may call it at every redraw.
 */
export function topSuspects(losses: SampleLosses, count: number): Suspect[] {
  return Array.from(topIndices(losses, count), (index, i) => suspectOf(losses, index, i + 1))
}

/** The indices of `topSuspects`. */
export function topIndices(losses: SampleLosses, count: number): Uint32Array {
  const { size, sums, counts } = losses
  const capacity = Math.min(count, size)
  const heap = new Uint32Array(capacity)
  const means = new Float64Array(capacity)
  let length = 0
  if (capacity === 0) return heap
  for (let index = 0; index < size; index += 1) {
    const mean = sums[index]! / counts[index]!
    if (counts[index] === 0 || Number.isNaN(mean)) continue
    if (length < capacity) {
      heap[length] = index
      means[length] = mean
      length += 1
      rise(heap, means, length - 1)
    } else if (mean > means[0]!) {
      // With equal means the sample at the root ranks first, because its index is smaller.
      heap[0] = index
      means[0] = mean
      sink(heap, means, length)
    }
  }
  // The root has the last rank. Removing it repeatedly sorts the heap from the end.
  for (let end = length - 1; end > 0; end -= 1) {
    swap(heap, means, 0, end)
    sink(heap, means, end)
  }
  return heap.subarray(0, length)
}

export function suspectOf(losses: SampleLosses, index: number, rank: number): Suspect {
  const timesSeen = losses.counts[index]!
  const meanLoss = losses.sums[index]! / timesSeen
  const variance = losses.squares[index]! / timesSeen - meanLoss ** 2
  const label = losses.labels[index]!
  const trueLabel = losses.trueLabels[index]!
  const predicted = losses.predicted[index]!
  const labelProbability = losses.probabilities[index]!
  const wrong = isWrong(losses, index)
  return {
    rank,
    index,
    ...(label === UNKNOWN_LABEL ? {} : { label }),
    ...(predicted === UNKNOWN_LABEL ? {} : { predicted }),
    ...(Number.isNaN(labelProbability) ? {} : { labelProbability }),
    ...(trueLabel === UNKNOWN_LABEL ? {} : { trueLabel }),
    ...(wrong === undefined ? {} : { isWrong: wrong }),
    meanLoss,
    // Rounding can make the variance negative.
    lossSpread: Math.sqrt(Math.max(0, variance)),
    lastLoss: losses.last[index]!,
    meanWeight: losses.weights[index]! / timesSeen,
    timesSeen,
  }
}

/** Whether the entry at `a` ranks after the entry at `b`. */
function isBehind(heap: Uint32Array, means: Float64Array, a: number, b: number): boolean {
  return means[a]! < means[b]! || (means[a] === means[b] && heap[a]! > heap[b]!)
}

function rise(heap: Uint32Array, means: Float64Array, from: number): void {
  for (let at = from; at > 0;) {
    const parent = (at - 1) >> 1
    if (!isBehind(heap, means, at, parent)) return
    swap(heap, means, at, parent)
    at = parent
  }
}

function sink(heap: Uint32Array, means: Float64Array, length: number): void {
  for (let at = 0; ;) {
    let child = 2 * at + 1
    if (child >= length) return
    if (child + 1 < length && isBehind(heap, means, child + 1, child)) child += 1
    if (!isBehind(heap, means, child, at)) return
    swap(heap, means, child, at)
    at = child
  }
}

function swap(heap: Uint32Array, means: Float64Array, a: number, b: number): void {
  ;[heap[a], heap[b]] = [heap[b]!, heap[a]!]
  ;[means[a], means[b]] = [means[b]!, means[a]!]
}
