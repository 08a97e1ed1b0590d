/** The samples most likely to be labelled wrong: those whose loss, averaged over the epochs, is largest. */
import { UNKNOWN_LABEL } from './sample-columns.js'
import { isWrong, type SampleLosses } from './sample-losses.js'

export interface Suspect {
  /** Place in the ranking, from 1. */
  readonly rank: number
  /** In the training data, from 0. */
  readonly index: number
  /** As trained on; absent where the task has none. */
  readonly label?: number
  /** What the model took it for; absent where the task cannot predict, or has not yet. */
  readonly predicted?: number
  /** Probability that the model gave to `label`, in [0, 1]. */
  readonly labelProbability?: number
  /** Where the experiment knows it. */
  readonly trueLabel?: number
  /** Whether `label` differs from `trueLabel`; absent where either is. */
  readonly isWrong?: boolean
  /** Unweighted, over every time that it was seen; in units of loss. */
  readonly meanLoss: number
  /** Standard deviation of these losses. */
  readonly lossSpread: number
  /** The latest of them. */
  readonly lastLoss: number
  /** Mean of weight × samples in the batch: 1 is even, 0 is ignored. */
  readonly meanWeight: number
  readonly timesSeen: number
}

/**
 * The first `count` of the ranking by mean loss, the largest first; equal ones by index. Samples that were never seen, or
 * have a NaN among their losses, are not ranked.
 *
 * Cheap enough for every redraw: one pass, and memory for `count`.
 */
export function topSuspects(losses: SampleLosses, count: number): Suspect[] {
  return Array.from(topIndices(losses, count), (index, i) => suspectOf(losses, index, i + 1))
}

/** As `topSuspects`, the indices alone. */
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
      // Of an equal mean the one at the root comes first: its index is smaller.
      heap[0] = index
      means[0] = mean
      sink(heap, means, length)
    }
  }
  // The last of the ranking stands at the root: taking it away again and again sorts from the end.
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
    // Rounding may leave less than nothing.
    lossSpread: Math.sqrt(Math.max(0, variance)),
    lastLoss: losses.last[index]!,
    meanWeight: losses.weights[index]! / timesSeen,
    timesSeen,
  }
}

/** Whether the entry at `a` stands behind that at `b` in the ranking. */
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
