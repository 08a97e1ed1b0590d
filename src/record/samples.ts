/**
 * The mean loss of every training sample over the epochs, as the log has it: samples with wrong labels stay hard.
 *
 * Streaming, for 10⁶ samples and more: 24 bytes a sample, whatever the number of epochs.
 */
import type { LogRecord, SampleInfo, StepSamples } from './record.js'
import { isVisible, type RewindPoint } from './visible.js'

/** Sums so far, by the sample's index; arrays are longer than `size` to leave room. */
export interface SampleLosses {
  readonly rewinds: readonly RewindPoint[]
  /** The one that is counted: that of the first samples seen. */
  readonly weighing: string | undefined
  /** One past the largest index seen. */
  readonly size: number
  readonly sums: Float64Array
  readonly counts: Uint32Array
  /** As trained on; `UNKNOWN_LABEL` where nothing is known. */
  readonly labels: Uint32Array
  readonly trueLabels: Uint32Array
}

export const UNKNOWN_LABEL = 0xffffffff

/** Nothing yet. What `rewinds` hide is not counted. */
export function emptySampleLosses(rewinds: readonly RewindPoint[] = []): SampleLosses {
  const none = new Uint32Array(0)
  return {
    rewinds,
    weighing: undefined,
    size: 0,
    sums: new Float64Array(0),
    counts: none,
    labels: none,
    trueLabels: none,
  }
}

/**
 * Adds one record. Rewinds come before the samples that they hide: read the stream of steps before that of samples.
 *
 * Takes `losses` over: go on with what is returned, its arrays may be the same ones. Data without an index, and indices
 * from 2²⁷ on, are not counted.
 */
export function withSamples(losses: SampleLosses, { body }: LogRecord): SampleLosses {
  switch (body.type) {
    case 'rewind': {
      const { attempt, toStep, cause } = body
      return { ...losses, rewinds: [...losses.rewinds, { attempt, toStep, cause }] }
    }
    case 'sample-info':
      return withInfo(losses, body)
    case 'sample-batch':
      return body.steps
        .filter(({ step }) => isVisible(losses.rewinds, body.attempt, step))
        .reduce(withStep, losses)
    default:
      return losses
  }
}

/** Mean loss by index, `size` of them, in units of loss; NaN for a sample that was never seen. */
export function meanLosses({ size, sums, counts }: SampleLosses): Float64Array {
  return Float64Array.from({ length: size }, (_, index) => sums[index]! / counts[index]!)
}

/**
 * How well the mean loss finds wrong labels: the probability that a sample with label ≠ true label has a larger one than
 * another sample, ties counting half. In [0, 1]; 0.5 is chance.
 *
 * Undefined where true labels are not known, or all or none of them differ. Samples without a label, never seen, or
 * with a NaN among their losses are left out.
 */
export function noiseAuc(losses: SampleLosses): number | undefined {
  const { labels, trueLabels } = losses
  const means = meanLosses(losses)
  const isRanked = (mean: number, index: number) =>
    !Number.isNaN(mean) && labels[index] !== UNKNOWN_LABEL && trueLabels[index] !== UNKNOWN_LABEL
  const wrong = means.filter((mean, i) => isRanked(mean, i) && labels[i] !== trueLabels[i]).sort()
  const right = means.filter((mean, i) => isRanked(mean, i) && labels[i] === trueLabels[i]).sort()
  if (wrong.length === 0 || right.length === 0) return undefined
  let wins = 0
  let smaller = 0
  let notLarger = 0
  for (const mean of wrong) {
    while (smaller < right.length && right[smaller]! < mean) smaller += 1
    while (notLarger < right.length && right[notLarger]! <= mean) notLarger += 1
    wins += (smaller + notLarger) / 2
  }
  return wins / (wrong.length * right.length)
}

function withStep(losses: SampleLosses, step: StepSamples): SampleLosses {
  const weighing = step.weighing || 'loss'
  if (weighing !== (losses.weighing ?? weighing)) return losses
  const largest = step.indices.reduce((max, index) => (index < MAX_SIZE ? Math.max(max, index) : max), -1)
  const grown = { ...withRoom(losses, largest + 1), weighing }
  step.indices.forEach((index, i) => {
    if (index >= MAX_SIZE) return
    grown.sums[index]! += step.losses[i]!
    grown.counts[index]! += 1
  })
  return grown
}

function withInfo(losses: SampleLosses, info: SampleInfo): SampleLosses {
  if (info.firstIndex + info.count > MAX_SIZE) return losses
  const grown = withRoom(losses, info.firstIndex + info.count)
  grown.labels.set(info.labels, info.firstIndex)
  grown.trueLabels.set(info.trueLabels, info.firstIndex)
  return grown
}

function withRoom(losses: SampleLosses, size: number): SampleLosses {
  if (size <= losses.size) return losses
  if (size <= losses.sums.length) return { ...losses, size }
  const capacity = Math.max(size, 2 * losses.sums.length)
  const labels = new Uint32Array(capacity).fill(UNKNOWN_LABEL)
  const trueLabels = new Uint32Array(capacity).fill(UNKNOWN_LABEL)
  const sums = new Float64Array(capacity)
  const counts = new Uint32Array(capacity)
  labels.set(losses.labels)
  trueLabels.set(losses.trueLabels)
  sums.set(losses.sums)
  counts.set(losses.counts)
  return { ...losses, size, sums, counts, labels, trueLabels }
}

/** A sparse index would take memory for every number below it: 2²⁷ samples are 3.2 GB. */
const MAX_SIZE = 2 ** 27
