/** Evaluations and predictions of a simulated model, as records. Pure. */
import type { Evaluation, SamplePredictions } from '../record/record.js'
import { CLASSES, type SimulatedData } from './data.js'
import { labelProbabilities, predict } from './model.js'

/** Evaluates the model after `step`. The caller fills in `seconds`. */
export function evaluateSplits(
  parameters: Float64Array,
  data: SimulatedData,
  { attempt, step }: { attempt: number; step: number },
): Evaluation[] {
  return (['val', 'test'] as const).map((split) => {
    const { labels } = data[split]
    const { classes, meanLoss } = predict(parameters, data[split])
    const counts = new Uint32Array(CLASSES * CLASSES)
    labels.forEach((label, sample) => (counts[label * CLASSES + classes[sample]!]! += 1))
    const right = classes.reduce((sum, found, sample) => sum + (found === labels[sample] ? 1 : 0), 0)
    return {
      type: 'evaluation',
      attempt,
      step,
      split,
      metrics: { accuracy: right / labels.length, loss: meanLoss },
      confusion: { classes: CLASSES, counts },
      seconds: 0,
    }
  })
}

/** Predicts every training sample after `step`. */
export function predictTraining(
  parameters: Float64Array,
  { train }: SimulatedData,
  { attempt, step }: { attempt: number; step: number },
): SamplePredictions {
  return {
    type: 'sample-predictions',
    attempt,
    step,
    firstIndex: 0,
    count: train.labels.length,
    labels: predict(parameters, train).classes,
    labelProbabilities: labelProbabilities(parameters, train),
  }
}
