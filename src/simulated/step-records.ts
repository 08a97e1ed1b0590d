/** Converts trained steps to telemetry records. */
import type { SampleBatch, SampleInfo, StepBatch, StepColumns, Weighing } from '../record/record.js'
import type { WeighingStatistics } from '../weighting/weigh-batch.js'
import { CLASSES, type SimulatedData } from './data.js'
import type { Trained } from './trainer.js'

/** A trained step. */
export interface StepEntry extends Trained {
  readonly attempt: number
  readonly step: number
  /** Time of the step, without waiting for its row. */
  readonly seconds: number
  /** Number of waits for a row so far. */
  readonly waits: number
  readonly keepSamples: boolean
}

/** Groups steps that fit into one record: consecutive, with the same controls, 256 at most. */
export function runsOf(entries: readonly StepEntry[]): StepEntry[][] {
  const runs: StepEntry[][] = []
  for (const entry of entries) {
    const run = runs.at(-1)
    if (run !== undefined && continues(run, entry)) run.push(entry)
    else runs.push([entry])
  }
  return runs
}

/** @param run - One group of `runsOf` */
export function stepBatchOf(run: readonly StepEntry[]): StepBatch {
  const first = run[0]!
  return {
    type: 'step-batch',
    attempt: first.attempt,
    firstStep: first.step,
    count: run.length,
    controls: columnsOf(run.map(({ controls }) => controls)),
    weighings: [weighingOf(run)],
    metrics: {},
    stepSeconds: Float32Array.from(run, ({ seconds }) => seconds),
    waits: run.at(-1)!.waits,
  }
}

/** The samples of the steps that record them; undefined if none does. */
export function sampleBatchOf(run: readonly StepEntry[]): SampleBatch | undefined {
  const steps = run
    .filter(({ keepSamples }) => keepSamples)
    .map(({ step, losses, weights, indices }) => ({
      step,
      losses,
      weights,
      indices,
      labels: new Uint32Array(0),
      weighing: '',
    }))
  return steps.length === 0 ? undefined : { type: 'sample-batch', attempt: run[0]!.attempt, steps }
}

/** All that is known of the training data. */
export function sampleInfoOf({ train }: SimulatedData): SampleInfo {
  const { labels, trueLabels } = train
  return { type: 'sample-info', firstIndex: 0, count: labels.length, labels, trueLabels, ids: [] }
}

function continues(run: readonly StepEntry[], entry: StepEntry): boolean {
  const last = run.at(-1)!
  return (
    entry.step === last.step + 1 &&
    entry.attempt === last.attempt &&
    run.length < MOST_STEPS &&
    Object.keys(entry.controls).join() === Object.keys(last.controls).join()
  )
}

function columnsOf(rows: readonly Readonly<Record<string, number>>[]): StepColumns {
  const names = Object.keys(rows[0] ?? {})
  return Object.fromEntries(names.map((name) => [name, Float64Array.from(rows, (row) => row[name]!)]))
}

function weighingOf(run: readonly StepEntry[]): Weighing {
  const column = (name: keyof WeighingStatistics) => run.map(({ statistics }) => statistics[name])
  const classMass = new Float32Array(run.length * CLASSES)
  run.forEach((entry, i) => {
    classMass.set(entry.classMass, i * CLASSES)
  })
  return {
    name: 'loss',
    n: Uint32Array.from(column('n')),
    m: Float64Array.from(column('m')),
    sumW: Float64Array.from(column('sumW')),
    sumW2: Float64Array.from(column('sumW2')),
    sumWL: Float64Array.from(column('sumWL')),
    maxW: Float64Array.from(column('maxW')),
    meanLoss: Float64Array.from(column('meanLoss')),
    freeEnergy: Float64Array.from(column('freeEnergy')),
    capped: Int8Array.from(column('capped')),
    nonFinite: Uint32Array.from(column('nonFinite')),
    classMass,
    topClassShare: Float32Array.from(run, (entry) => entry.topClassShare),
    ...bareOf(run),
  }
}

/** KL and ESS before the class factor: NaN in steps without one, absent if no step has one. */
function bareOf(run: readonly StepEntry[]): Pick<Weighing, 'bare'> {
  if (run.every(({ statistics }) => statistics.bare === undefined)) return {}
  return {
    bare: {
      kl: Float64Array.from(run, ({ statistics }) => statistics.bare?.kl ?? NaN),
      ess: Float64Array.from(run, ({ statistics }) => statistics.bare?.ess ?? NaN),
    },
  }
}

/** The same limit as that of the Python worker. */
const MOST_STEPS = 256
