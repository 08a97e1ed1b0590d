/**
 * The losses of every training sample over the epochs, from the log. Samples with wrong labels keep high losses.
 *
 * Streaming, for 10⁶ samples and more.
 */
import type { LogRecord, Position, SampleInfo, SamplePredictions, StepSamples } from '../record/record.js'
import { emptyColumns, UNKNOWN_LABEL, withRoomFor, type SampleColumns } from './sample-columns.js'
import { isVisible, type RewindPoint } from '../history/visible-steps.js'

/** Sums so far, by the sample's index. */
export interface SampleLosses extends SampleColumns {
  readonly rewinds: readonly RewindPoint[]
  /** Name of the weighing that is counted: that of the first samples. */
  readonly weighing: string | undefined
  /** One past the largest index so far. */
  readonly size: number
  /** Position of the model when it predicted; `step` is the last step done. Undefined without predictions. */
  readonly predictedAt: Position | undefined
  /** Number of losses that are not counted because their sample has no index. */
  readonly unindexed: number
  /** Number of losses that are not counted because the index of their sample is 2²⁷ or more. */
  readonly beyond: number
  /** Whether the task names its samples. */
  readonly hasIds: boolean
}

/** The sums before the first record. Samples that `rewinds` hide are not counted. */
export function emptySampleLosses(rewinds: readonly RewindPoint[] = []): SampleLosses {
  return {
    ...emptyColumns(0),
    rewinds,
    weighing: undefined,
    size: 0,
    predictedAt: undefined,
    unindexed: 0,
    beyond: 0,
    hasIds: false,
  }
}

/**
 * Adds one record. Rewinds must come before the samples that they hide: read the stream of steps before the stream of samples, and
 * start again when a live run is rewound.
 *
 * It may change the arrays of `losses` in place: use only the returned value from then on.
 */
export function withSamples(losses: SampleLosses, { body }: LogRecord): SampleLosses {
  switch (body.type) {
    case 'rewind': {
      const { attempt, toStep, cause } = body
      return { ...losses, rewinds: [...losses.rewinds, { attempt, toStep, cause }] }
    }
    case 'sample-info':
      return withInfo(losses, body)
    case 'sample-predictions':
      return withPredictions(losses, body)
    case 'sample-batch':
      return body.steps
        .filter(({ step }) => isVisible(losses.rewinds, body.attempt, step))
        .reduce(withStep, losses)
    default:
      return losses
  }
}

/** [size], mean loss by index, in units of loss; NaN for a sample that was never seen. */
export function meanLosses({ size, sums, counts }: SampleLosses): Float64Array {
  const means = new Float64Array(size)
  for (let index = 0; index < size; index += 1)
    means[index] = counts[index] === 0 ? NaN : sums[index]! / counts[index]!
  return means
}

/** The sums over the samples with this label only. The arrays of `losses` are not changed. */
export function ofClass(losses: SampleLosses, label: number): SampleLosses {
  const counts = losses.counts.slice()
  const predicted = losses.predicted.slice()
  for (let index = 0; index < losses.size; index += 1) {
    if (losses.labels[index] === label) continue
    counts[index] = 0
    predicted[index] = UNKNOWN_LABEL
  }
  return { ...losses, counts, predicted }
}

/** Whether a label is wrong; undefined if it or the true label is unknown. */
export function isWrong({ labels, trueLabels }: SampleColumns, index: number): boolean | undefined {
  const label = labels[index]!
  const trueLabel = trueLabels[index]!
  return label === UNKNOWN_LABEL || trueLabel === UNKNOWN_LABEL ? undefined : label !== trueLabel
}

function withStep(losses: SampleLosses, step: StepSamples): SampleLosses {
  const weighing = step.weighing || 'loss'
  if (weighing !== (losses.weighing ?? weighing)) return losses
  const { indices } = step
  const n = step.losses.length
  if (indices.length === 0) return { ...losses, weighing, unindexed: losses.unindexed + n }
  let largest = -1
  let beyond = 0
  for (const index of indices) {
    if (index >= MAX_SIZE) beyond += 1
    else if (index > largest) largest = index
  }
  const grown = grow(losses, largest + 1)
  const { sums, squares, weights, counts, last } = grown
  for (let i = 0; i < n; i += 1) {
    const index = indices[i]!
    if (index >= MAX_SIZE) continue
    const loss = step.losses[i]!
    sums[index]! += loss
    squares[index]! += loss * loss
    weights[index]! += step.weights[i]! * n
    counts[index]! += 1
    last[index] = loss
  }
  if (grown === losses && beyond === 0 && losses.weighing === weighing) return losses
  return { ...grown, weighing, beyond: grown.beyond + beyond }
}

function withInfo(losses: SampleLosses, info: SampleInfo): SampleLosses {
  if (info.firstIndex + info.count > MAX_SIZE) return losses
  const grown = grow(losses, info.firstIndex + info.count)
  grown.labels.set(info.labels, info.firstIndex)
  grown.trueLabels.set(info.trueLabels, info.firstIndex)
  return info.ids.length === 0 || grown.hasIds ? grown : { ...grown, hasIds: true }
}

/** Only the predictions of the latest position are kept, so that predictions of two models are not mixed. */
function withPredictions(losses: SampleLosses, predictions: SamplePredictions): SampleLosses {
  const { attempt, step, firstIndex, count } = predictions
  const at = losses.predictedAt
  const isOlder = at !== undefined && (attempt < at.attempt || (attempt === at.attempt && step < at.step))
  if (isOlder || firstIndex + count > MAX_SIZE || !isVisible(losses.rewinds, attempt, step)) return losses
  const grown = grow(losses, firstIndex + count)
  if (at?.attempt !== attempt || at.step !== step) {
    grown.predicted.fill(UNKNOWN_LABEL)
    grown.probabilities.fill(NaN)
  }
  grown.predicted.set(predictions.labels, firstIndex)
  grown.probabilities.set(predictions.labelProbabilities, firstIndex)
  return { ...grown, predictedAt: { attempt, step } }
}

function grow(losses: SampleLosses, size: number): SampleLosses {
  if (size <= losses.size) return losses
  return size <= losses.sums.length ? { ...losses, size } : { ...losses, ...withRoomFor(losses, size), size }
}

/** Memory is used for every index below the largest one: 2²⁷ samples take 6.4 GB. */
const MAX_SIZE = 2 ** 27
