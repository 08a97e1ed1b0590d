/** The numbers of a run over its visible history, record by record. */
import { metricsOf } from './evaluations.js'
import { mainWeighing } from './main-weighing.js'
import type { LogRecord, StepBatch } from './record.js'
import { createSeries, type Series } from './series.js'
import { hiddenFrom, isVisible, type RewindPoint } from './visible.js'

/** Of every step: unweighted mean loss, lambda (a gap where it is off), effective sample size over batch size, Σw, learning rate. */
export type StepSeriesName = 'loss' | 'lambda' | 'essRatio' | 'sumW' | 'lr'

export interface RunSeries {
  take(record: LogRecord): void
  readonly steps: Readonly<Record<StepSeriesName, Series>>
  /** By name, `val.accuracy`; in the order in which they came. At most `METRICS_KEPT`. */
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

  function metric(name: string): Series | undefined {
    let series = metrics.get(name)
    if (series === undefined && metrics.size < METRICS_KEPT)
      metrics.set(name, (series = createSeries({ gaps: false })))
    return series
  }

  return {
    steps,
    metrics,
    take({ body }) {
      switch (body.type) {
        case 'step-batch':
          addBatch(steps, body, hiddenFrom(rewinds, body.attempt))
          return
        case 'evaluation':
          if (!isVisible(rewinds, body.attempt, body.step)) return
          for (const [name, value] of Object.entries(metricsOf(body))) metric(name)?.add(body.step, value)
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

/** The steps of a batch before `limit`, from the main weighing of the run. */
function addBatch(
  { loss, lambda, essRatio, sumW, lr }: RunSeries['steps'],
  batch: StepBatch,
  limit: number,
): void {
  const { firstStep, count, controls } = batch
  const weighing = mainWeighing(batch)
  const { lambda: lambdas, lr: rates } = controls
  const end = Math.min(count, limit - firstStep)
  for (let i = 0; i < end; i += 1) {
    const step = firstStep + i
    lambda.add(step, lambdas?.[i] ?? NaN)
    lr.add(step, rates?.[i] ?? NaN)
    if (weighing === undefined) {
      // No gap in the series of a loss that every other step has.
      for (const series of [sumW, loss, essRatio]) series.skip(step)
      continue
    }
    const sum = weighing.sumW[i]!
    sumW.add(step, sum)
    loss.add(step, weighing.meanLoss[i]!)
    essRatio.add(step, sum ** 2 / (weighing.n[i]! * weighing.sumW2[i]!))
  }
}

/** A task may give a metric for each of thousands of classes; nobody looks at as many. */
const METRICS_KEPT = 64
