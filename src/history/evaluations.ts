/** Evaluations as points of a run, with the metrics that are derived from a confusion matrix. */
import type { Evaluation } from '../record/record.js'
import { isVisible, type RewindPoint } from './visible-steps.js'

export interface EvaluationPoint {
  readonly attempt: number
  /** The step after which the model was evaluated. */
  readonly step: number
  readonly split: string
  /** Metrics by name, without the split: those of the task, and those derived from its confusion matrix. */
  readonly metrics: Readonly<Record<string, number>>
  /** Accuracy (recall) of each class, in [0, 1]; NaN for a class without samples. Absent without a confusion matrix. */
  readonly classAccuracy?: Float64Array
  readonly seconds: number
}

export function toEvaluationPoint(evaluation: Evaluation): EvaluationPoint {
  const { attempt, step, split, seconds, confusion } = evaluation
  if (confusion === undefined) return { attempt, step, split, metrics: evaluation.metrics, seconds }
  const classAccuracy = accuracyByClass(confusion)
  // The task's metrics come first, and override derived metrics of the same name.
  const metrics = {
    ...evaluation.metrics,
    ...confusionMetrics(confusion, classAccuracy),
    ...evaluation.metrics,
  }
  return { attempt, step, split, metrics, classAccuracy, seconds }
}

/** The metrics of an evaluation by full name, derived ones included: `val.accuracy`. */
export function metricsOf(evaluation: Evaluation): Record<string, number> {
  return namedMetrics(toEvaluationPoint(evaluation))
}

/** The metrics of a point by full name: `val.accuracy`. */
export function namedMetrics({ split, metrics }: EvaluationPoint): Record<string, number> {
  return Object.fromEntries(Object.entries(metrics).map(([name, value]) => [`${split}.${name}`, value]))
}

/**
 * The points, sorted by step, with one more. A hidden evaluation is ignored; a second evaluation of a split at a step replaces the first.
 */
export function addEvaluation(
  points: readonly EvaluationPoint[],
  added: EvaluationPoint,
  rewinds: readonly RewindPoint[],
): readonly EvaluationPoint[] {
  if (!isVisible(rewinds, added.attempt, added.step)) return points
  let index = points.length
  while (index > 0 && points[index - 1]!.step > added.step) index -= 1
  for (let i = index - 1; i >= 0 && points[i]!.step === added.step; i -= 1)
    if (points[i]!.split === added.split && points[i]!.attempt === added.attempt) return points.with(i, added)
  // The common case, with the fastest way to copy.
  if (index === points.length) return points.concat(added)
  return points.toSpliced(index, 0, added)
}

interface Confusion {
  readonly classes: number
  /** Row by row, rows are true classes. */
  readonly counts: Uint32Array
}

function accuracyByClass({ classes, counts }: Confusion): Float64Array {
  return Float64Array.from({ length: classes }, (_, label) => {
    const row = counts.subarray(label * classes, (label + 1) * classes)
    return row[label]! / row.reduce((sum, count) => sum + count, 0)
  })
}

/** `accuracy`, and the mean and the minimum of the accuracies of the classes that have samples. */
function confusionMetrics(
  { classes, counts }: Confusion,
  classAccuracy: Float64Array,
): Record<string, number> {
  const present = classAccuracy.filter((accuracy) => !Number.isNaN(accuracy))
  if (present.length === 0) return {}
  const total = counts.reduce((sum, count) => sum + count, 0)
  let correct = 0
  for (let label = 0; label < classes; label += 1) correct += counts[label * (classes + 1)]!
  return {
    accuracy: correct / total,
    balanced_accuracy: present.reduce((sum, accuracy) => sum + accuracy, 0) / present.length,
    worst_class_accuracy: present.reduce((least, accuracy) => Math.min(least, accuracy)),
  }
}
