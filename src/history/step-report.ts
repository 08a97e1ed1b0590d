/** A step as a script sees it. */
import type { Evaluation, StepBatch } from '../record/record.js'
import { essRatioOfAppliedWeights } from '../weighting/diagnostics.js'
import { metricsOf } from './evaluations.js'
import { mainWeighing } from './series/main-weighing.js'

export interface ReportOptions {
  /** Only the reports of steps t with t % every === 0, and every evaluation. @default 1 */
  readonly every?: number
  /**
   * `all` keeps every report until it is read, in memory; `latest` keeps the newest alone, for readers that may be slow.
   * @default 'all'
   */
  readonly buffer?: 'all' | 'latest'
}

export interface Report {
  readonly attempt: number
  /** The step reported, from 0. */
  readonly step: number
  /** Passes over the training data when the step was done; NaN for a stream without length. */
  readonly epoch: number
  /** Every control as it was applied. */
  readonly controls: Readonly<Record<string, number>>
  /** Infinity is off. */
  readonly lambda: number
  /** Unweighted mean loss of the batch: the signal of progress. */
  readonly meanLoss: number
  /** Effective sample size of the applied weights, class factor included, over the batch size: in (0, 1]. */
  readonly essRatio: number
  /** Sum of the weights; lr × sumW is the effective learning rate. */
  readonly sumW: number
  /** The task's own numbers of the step. */
  readonly metrics: Readonly<Record<string, number>>
  /** Set on the further report of a step after which the model was evaluated: `split.metric` → value. */
  readonly evaluation?: Readonly<Record<string, number>>
}

/** One report a step, from the main weighing of the run; NaN for what a step without it does not have. */
export function* reportsOf(batch: StepBatch, stepsPerEpoch: number): Generator<Report> {
  const weighing = mainWeighing(batch)
  for (let i = 0; i < batch.count; i++) {
    const step = batch.firstStep + i
    const controls = rowOf(batch.controls, i)
    const sumW = weighing?.sumW[i] ?? NaN
    yield {
      attempt: batch.attempt,
      step,
      epoch: stepsPerEpoch > 0 ? (step + 1) / stepsPerEpoch : NaN,
      controls,
      lambda: controls['lambda'] ?? NaN,
      meanLoss: weighing?.meanLoss[i] ?? NaN,
      essRatio: essRatioOfAppliedWeights({
        n: weighing?.n[i] ?? NaN,
        sumW,
        sumW2: weighing?.sumW2[i] ?? NaN,
      }),
      sumW,
      metrics: rowOf(batch.metrics, i),
    }
  }
}

/** The further report of a step: `last` with what the evaluation found. */
export function withEvaluation(last: Report, evaluation: Evaluation): Report {
  return { ...last, step: evaluation.step, attempt: evaluation.attempt, evaluation: metricsOf(evaluation) }
}

function rowOf(columns: StepBatch['controls'], i: number): Record<string, number> {
  return Object.fromEntries(Object.entries(columns).map(([name, values]) => [name, values[i] ?? NaN]))
}
