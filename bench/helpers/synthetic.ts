/** The telemetry of a run that nobody trained: curves as training draws them, the same at every call. */
import type {
  Evaluation,
  Hello,
  Plan,
  SampleBatch,
  SampleInfo,
  StepBatch,
  Weighing,
} from '../../src/record/record.js'

export interface SyntheticRun {
  readonly name: string
  readonly steps: number
  readonly stepsPerEpoch: number
  readonly batchSize: number
  readonly classes: number
}

export const CONTROLLER = 'c000000000000001'
export const WORKER = 'a000000000000001'

/** How the worker of `run` introduces itself. */
export function syntheticHello(run: SyntheticRun): Hello {
  return {
    type: 'hello',
    protocolMajor: 1,
    protocolMinor: 0,
    run: run.name,
    peer: 'worker-0',
    incarnation: WORKER,
    pid: process.pid,
    stepsPerEpoch: run.stepsPerEpoch,
    datasetSize: run.stepsPerEpoch * run.batchSize,
    numClasses: run.classes,
    position: { attempt: 0, step: 0 },
    plannedThrough: 0,
    versions: { torch: '2.6.0' },
    device: 'cpu',
    initial: { lr: 0.1, momentum: 0.9 },
    batchSize: run.batchSize,
  }
}

/** Steps [first, first + count) as the worker reports them, every column that it has. */
export function syntheticSteps(run: SyntheticRun, first: number, count: number): StepBatch {
  const column = (value: (step: number) => number) =>
    Float64Array.from({ length: count }, (_, i) => value(first + i))
  return {
    type: 'step-batch',
    attempt: 1,
    firstStep: first,
    count,
    controls: {
      lambda: column((step) => lambdaAt(run, step)),
      gamma: column(() => 0.9),
      lr: column((step) => 0.05 * (1 + Math.cos((Math.PI * step) / run.steps))),
      momentum: column(() => 0.9),
      weight_decay: column(() => 5e-4),
    },
    weighings: [weighing(run, first, count)],
    metrics: { noise: column(noise) },
    stepSeconds: new Float32Array(count).fill(0.005),
    waits: 0,
  }
}

/** Rows for the steps [first, first + count), with columns that change and columns that do not. */
export function syntheticPlan(run: SyntheticRun, first: number, count: number): Plan {
  return {
    type: 'plan',
    leaseEpoch: 1,
    planSeq: 1 + Math.floor(first / count),
    attempt: 1,
    firstStep: first,
    count: Math.min(count, run.steps - first),
    columns: {
      lambda: Float64Array.from({ length: Math.min(count, run.steps - first) }, (_, i) =>
        lambdaAt(run, first + i),
      ),
      gamma: Float64Array.of(0.9),
    },
    events: [],
    runSteps: run.steps,
  }
}

/** Loss, weight and index of every sample of the same steps. */
export function syntheticSamples(run: SyntheticRun, first: number, count: number): SampleBatch {
  const { batchSize } = run
  return {
    type: 'sample-batch',
    attempt: 1,
    steps: Array.from({ length: count }, (_, i) => ({
      step: first + i,
      losses: Float32Array.from({ length: batchSize }, (_, j) => lossAt(run, first + i) * noise(j)),
      weights: Float32Array.from({ length: batchSize }, (_, j) => noise(j) / batchSize),
      indices: Uint32Array.from(
        { length: batchSize },
        (_, j) => ((first + i) * batchSize + j) % (run.stepsPerEpoch * batchSize),
      ),
      labels: new Uint32Array(0),
      weighing: 'loss',
    })),
  }
}

export function syntheticInfo({ stepsPerEpoch, batchSize, classes }: SyntheticRun): SampleInfo {
  const count = stepsPerEpoch * batchSize
  const labels = Uint32Array.from({ length: count }, (_, index) => index % classes)
  return { type: 'sample-info', firstIndex: 0, count, labels, trueLabels: labels, ids: [] }
}

/** After step `step`. */
export function syntheticEvaluation(run: SyntheticRun, step: number): Evaluation {
  const accuracy = 0.97 - 0.8 * Math.exp((-8 * step) / run.steps) - 0.01 * noise(step)
  const { classes } = run
  const counts = Uint32Array.from({ length: classes * classes }, (_, i) =>
    i % (classes + 1) === 0 ? Math.round(100 * accuracy) : 1,
  )
  return {
    type: 'evaluation',
    attempt: 1,
    step,
    split: 'val',
    metrics: { accuracy, loss: lossAt(run, step) },
    confusion: { classes, counts },
    seconds: 0.2,
  }
}

function weighing(run: SyntheticRun, first: number, count: number): Weighing {
  const { batchSize, classes } = run
  const column = (value: (step: number) => number) =>
    Float64Array.from({ length: count }, (_, i) => value(first + i))
  const ess = (step: number) => 0.9 - 0.3 * (step / run.steps) + 0.05 * noise(step)
  return {
    name: 'loss',
    n: new Uint32Array(count).fill(batchSize),
    m: column((step) => lossAt(run, step) / lambdaAt(run, step)),
    sumW: column((step) => 0.95 + 0.1 * noise(step)),
    sumW2: column((step) => (0.95 + 0.1 * noise(step)) ** 2 / (batchSize * ess(step))),
    sumWL: column((step) => 0.8 * lossAt(run, step)),
    maxW: column((step) => (2 + noise(step)) / batchSize),
    meanLoss: column((step) => lossAt(run, step)),
    freeEnergy: column((step) => 0.9 * lossAt(run, step)),
    capped: new Int8Array(count),
    nonFinite: new Uint32Array(count),
    classMass: new Float32Array(count * classes).fill(1 / classes),
    topClassShare: new Float32Array(count).fill(1 / classes),
  }
}

function lambdaAt({ steps }: SyntheticRun, step: number): number {
  return -5 * 0.1 ** (step / steps)
}

function lossAt({ steps }: SyntheticRun, step: number): number {
  return 0.1 + 2.2 * Math.exp((-6 * step) / steps) + 0.1 * noise(step)
}

/** In [0, 1): a hash of the number. */
function noise(number: number): number {
  const mixed = Math.imul(number ^ (number >>> 15), 0x2c1b3c6d)
  return (Math.imul(mixed ^ (mixed >>> 12), 0x297a2d39) >>> 0) / 2 ** 32
}
