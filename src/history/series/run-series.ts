/** The numbers of a run over the steps of its visible history, for charts. */
import { metricsOf } from '../evaluations.js'
import { mainWeighing } from './main-weighing.js'
import { isMissing } from './missing-numbers.js'
import type { LogRecord, StepBatch } from '../../record/record.js'
import { createSeries, type Series } from './bucketed-series.js'
import { createSparseSeries } from './sparse-series.js'
import { lossName } from './step-numbers.js'
import { essRatioOfAppliedWeights } from '../../weighting/diagnostics.js'
import { hiddenFrom, isVisible, type RewindPoint } from '../visible-steps.js'

/** Numbers of every step: unweighted mean loss; lambda (a gap if it is off); ESS of the applied weights over batch size; Σw; learning rate. */
export type StepSeriesName = 'loss' | 'lambda' | 'essRatio' | 'sumW' | 'lr'

export interface RunSeries {
  take(record: LogRecord): void
  readonly steps: Readonly<Record<StepSeriesName, Series>>
  /**
   * Series by name, in the order of their first values: metrics of evaluations (`val.accuracy`), numbers that the task logged
   * (`train.<name>`), and the losses of the weighings that are not the main one (`train.<weighing>.loss`).
   */
  readonly metrics: ReadonlyMap<string, Series>
}

export function createRunSeries(): RunSeries {
  const steps = {
    loss: createSeries(),
    lambda: createSeries(),
    essRatio: createSeries(),
    sumW: createSeries(),
    lr: createSeries(),
  }
  const metrics = new Map<string, Series>()
  let rewinds: readonly RewindPoint[] = []

  function metric(name: string): Series {
    let series = metrics.get(name)
    if (series === undefined) metrics.set(name, (series = createSparseSeries()))
    return series
  }

  return {
    steps,
    metrics,
    take({ body }) {
      switch (body.type) {
        case 'step-batch': {
          const end = Math.min(body.count, hiddenFrom(rewinds, body.attempt) - body.firstStep)
          addBatch(steps, body, end)
          addOthers(metric, body, end)
          return
        }
        case 'evaluation':
          if (!isVisible(rewinds, body.attempt, body.step)) return
          for (const [name, value] of Object.entries(metricsOf(body))) metric(name).add(body.step, value)
          return
        case 'rewind':
          rewinds = [...rewinds, body]
          for (const series of [...Object.values(steps), ...metrics.values()]) series.cutFrom(body.toStep)
          return
        default:
      }
    },
  }
}

/** The first `end` steps of a batch, from the main weighing of the run. */
function addBatch(
  { loss, lambda, essRatio, sumW, lr }: RunSeries['steps'],
  batch: StepBatch,
  end: number,
): void {
  const { firstStep, controls } = batch
  const weighing = mainWeighing(batch)
  const { lambda: lambdas, lr: rates } = controls
  for (let i = 0; i < end; i += 1) {
    const step = firstStep + i
    lambda.add(step, finite(lambdas?.[i]))
    lr.add(step, finite(rates?.[i]))
    if (weighing === undefined) {
      // A loss that only every other step has is not drawn with gaps.
      for (const series of [sumW, loss, essRatio]) series.skip(step)
      continue
    }
    const sum = weighing.sumW[i]!
    sumW.add(step, finite(sum))
    loss.add(step, weighing.meanLoss[i])
    essRatio.add(
      step,
      finite(essRatioOfAppliedWeights({ n: weighing.n[i]!, sumW: sum, sumW2: weighing.sumW2[i]! })),
    )
  }
}

/** The losses of the other weighings, and the numbers that the task logged. */
function addOthers(metric: (name: string) => Series, batch: StepBatch, end: number): void {
  if (end <= 0) return
  const { firstStep, weighings, metrics } = batch
  for (const weighing of weighings) {
    if (weighing === mainWeighing(batch)) continue
    const series = metric(lossName(batch, weighing))
    for (let i = 0; i < end; i += 1) series.add(firstStep + i, weighing.meanLoss[i])
  }
  for (const [name, column] of Object.entries(metrics)) {
    const series = metric(`train.${name}`)
    for (let i = 0; i < end; i += 1) if (!isMissing(column, i)) series.add(firstStep + i, column[i])
  }
}

/** A lambda that is off and an undefined ratio are gaps; they are not errors. */
function finite(value: number | undefined): number | undefined {
  return Number.isFinite(value) ? value : undefined
}
