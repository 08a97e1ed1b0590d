/** The numbers of a step by name, derived from its statistics (proto/README.md, "The rule of weights"). */
import { mainWeighing } from './main-weighing.js'
import { isMissing, lastNumber } from './missing-numbers.js'
import type { StepBatch, StepColumns, Weighing } from '../../record/record.js'
import {
  effectiveLearningRate,
  essRatioOfAppliedWeights,
  klBeforeClassFactor,
  type DivergenceStatistics,
} from '../../weighting/diagnostics.js'

/**
 * Numbers of step `firstStep + i` of a batch, by name.
 *
 * The run's main weighing gives `train.*`, each other one `train.<its name>.*`; a step without the main one has no `train.loss`:
 * - `loss`: unweighted mean loss, the signal of progress;
 * - `weighted_loss`: Σwℓ, the scalar that was differentiated;
 * - `ess_ratio`: effective sample size of the applied weights (class factor included) over batch size, (Σw)²/(n·Σw²), in (0, 1];
 *   NaN where all weights are too small for a float64;
 * - `kl`: KL of the weights before class factor and floor against uniform, Σwℓ/(λΣw) − m, in nats, ≥ 0; 0 where they are even;
 * - `sum_w`: Σw, in [e⁻⁵, 2] by the default rule alone; `max_w`: the largest weight;
 * - `effective_lr`: lr·Σw, where the learning rate is a control (main weighing only).
 *
 * The user's own numbers are `train.<name>`; those that this step does not have are left out.
 */
export function stepNumbers(batch: StepBatch, i: number): Record<string, number> {
  const numbers: Record<string, number> = {}
  for (const [name, column] of Object.entries(batch.metrics))
    if (!isMissing(column, i)) numbers[`train.${name}`] = column[i]!
  const main = mainWeighing(batch)
  for (const weighing of batch.weighings) {
    addWeighing(numbers, prefixOf(batch, weighing), weighing, i, batch.controls['lambda']?.[i])
  }
  const sumW = main?.sumW[i]
  const lr = batch.controls['lr']?.[i]
  if (sumW !== undefined && lr !== undefined) numbers['train.effective_lr'] = effectiveLearningRate(lr, sumW)
  return numbers
}

/** `stepNumbers`, with the user's own numbers as of the last step up to `i` of the batch that has them. */
export function lastNumbers(batch: StepBatch, i: number): Record<string, number> {
  const own: Record<string, number> = {}
  for (const [name, column] of Object.entries(batch.metrics)) {
    const last = lastNumber(column, i)
    if (last !== undefined) own[`train.${name}`] = last
  }
  return { ...own, ...stepNumbers(batch, i) }
}

/** `stepNumbers` of a whole batch: means over the steps that have the number. */
export function meanNumbers(batch: StepBatch): Record<string, number> {
  const sums: Record<string, number> = {}
  const counts: Record<string, number> = {}
  for (let i = 0; i < batch.count; i += 1) {
    for (const [name, value] of Object.entries(stepNumbers(batch, i))) {
      sums[name] = (sums[name] ?? 0) + value
      counts[name] = (counts[name] ?? 0) + 1
    }
  }
  return Object.fromEntries(Object.entries(sums).map(([name, sum]) => [name, sum / counts[name]!]))
}

/** The name of the mean loss of one of a batch's weighings: `train.loss` of the run's main one. */
export function lossName(batch: StepBatch, weighing: Weighing): string {
  return `${prefixOf(batch, weighing)}loss`
}

function prefixOf(batch: StepBatch, weighing: Weighing): string {
  return weighing === mainWeighing(batch) ? 'train.' : `train.${weighing.name}.`
}

/** Row `i` of a table of columns, by name. */
export function rowAt(columns: StepColumns, i: number): Record<string, number> {
  const row: Record<string, number> = {}
  for (const name of Object.keys(columns)) row[name] = columns[name]![i]!
  return row
}

function addWeighing(
  numbers: Record<string, number>,
  prefix: string,
  weighing: Weighing,
  i: number,
  lambda: number | undefined,
): void {
  const sumW = weighing.sumW[i]!
  numbers[`${prefix}loss`] = weighing.meanLoss[i]!
  numbers[`${prefix}weighted_loss`] = weighing.sumWL[i]!
  numbers[`${prefix}ess_ratio`] = essRatioOfAppliedWeights({
    n: weighing.n[i]!,
    sumW,
    sumW2: weighing.sumW2[i]!,
  })
  numbers[`${prefix}sum_w`] = sumW
  numbers[`${prefix}max_w`] = weighing.maxW[i]!
  if (lambda === undefined) return
  numbers[`${prefix}kl`] = klBeforeClassFactor(rowOf(weighing, i), lambda, weighing.bare?.kl[i])
}

function rowOf({ m, sumW, sumWL, meanLoss, freeEnergy }: Weighing, i: number): DivergenceStatistics {
  return {
    m: m[i]!,
    sumW: sumW[i]!,
    sumWL: sumWL[i]!,
    meanLoss: meanLoss[i]!,
    freeEnergy: freeEnergy[i]!,
  }
}
