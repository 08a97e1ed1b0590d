/** How well a simulated model does on the splits that it was not trained on. */
import type { Evaluation } from '../../record/record.js'
import { CLASSES, type SimulatedData } from './data.js'
import { predict } from './softmax.js'

/** After `step`; `seconds` are for whoever has a clock to fill in. */
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
