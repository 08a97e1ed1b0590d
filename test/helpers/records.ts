/** Records of a small run, with only what a test says being particular about them. */
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import type { Manifest } from '../../src/record/manifest.js'
import type { Body, Evaluation, Hello, LogRecord, StepBatch, Weighing } from '../../src/record/record.js'

type BodyOf<Type extends Body['type']> = Extract<Body, { type: Type }>

export const CONTROLLER = 'c000000000000001'
export const WORKER = 'a000000000000001'

/** Numbers the records of each writer's stream and labels them a second apart. */
export function records(bodies: readonly (Body | LogRecord)[]): LogRecord[] {
  const counts = new Map<string, number>()
  return bodies.map((entry, i) => {
    const partial = 'body' in entry ? entry : record(entry)
    const stream = partial.body.type.startsWith('sample') ? 'samples' : 'steps'
    const key = `${partial.origin} ${partial.incarnation} ${stream}`
    const seq = (counts.get(key) ?? 0) + 1
    counts.set(key, seq)
    return { ...partial, seq, timeMs: partial.timeMs === 0 ? EPOCH_MS + 1000 * i : partial.timeMs }
  })
}

/** A record by whoever writes such a body; `timeMs` 0 is to be labelled. */
export function record(body: Body, { incarnation, timeMs = 0 }: Partial<LogRecord> = {}): LogRecord {
  const byWorker = BY_WORKER.has(body.type)
  const origin = byWorker ? 'worker-0' : 'controller'
  return { origin, incarnation: incarnation ?? (byWorker ? WORKER : CONTROLLER), seq: 1, timeMs, body }
}

/** The bytes of a worker's record of the stream "steps", of a kind that this version does not know. */
export function unknownRecord(seq: number, incarnation = WORKER): Uint8Array {
  return new BinaryWriter()
    .tag(1, WireType.LengthDelimited)
    .string('worker-0')
    .tag(2, WireType.Bit64)
    .fixed64(BigInt(`0x${incarnation}`))
    .tag(3, WireType.Varint)
    .uint64(seq)
    .tag(4, WireType.Varint)
    .int64(1)
    .tag(536870911, WireType.LengthDelimited)
    .bytes(new Uint8Array([8, 1]))
    .finish()
}

export function weighing(count: number, columns: Partial<Weighing> = {}): Weighing {
  return {
    name: 'loss',
    n: new Uint32Array(count).fill(32),
    m: new Float64Array(count).fill(NaN),
    sumW: new Float64Array(count).fill(1),
    sumW2: new Float64Array(count).fill(1 / 32),
    sumWL: new Float64Array(count).fill(2),
    maxW: new Float64Array(count).fill(1 / 32),
    meanLoss: new Float64Array(count).fill(2),
    freeEnergy: new Float64Array(count).fill(NaN),
    capped: new Int8Array(count),
    nonFinite: new Uint32Array(count),
    classMass: new Float32Array(0),
    topClassShare: new Float32Array(0),
    ...columns,
  }
}

/** The steps [firstStep, firstStep + count). */
export function steps(firstStep: number, count: number, columns: Partial<StepBatch> = {}): StepBatch {
  return {
    type: 'step-batch',
    attempt: 1,
    firstStep,
    count,
    controls: { lambda: new Float64Array(count).fill(Infinity), lr: new Float64Array(count).fill(0.05) },
    weighings: [weighing(count)],
    metrics: {},
    stepSeconds: new Float32Array(count).fill(0.005),
    waits: 0,
    ...columns,
  }
}

export function evaluation(
  step: number,
  metrics: Evaluation['metrics'],
  more: Partial<Evaluation> = {},
): Evaluation {
  return { type: 'evaluation', attempt: 1, step, split: 'val', metrics, seconds: 0.1, ...more }
}

/** One step's samples; weights are even unless given. */
export function samples(
  step: number,
  indices: readonly number[],
  losses: readonly number[],
  more: { attempt?: number; weights?: readonly number[]; weighing?: string } = {},
): BodyOf<'sample-batch'> {
  const { attempt = 1, weights = losses.map(() => 1 / losses.length), weighing = 'loss' } = more
  const columns = { losses: Float32Array.from(losses), weights: Float32Array.from(weights) }
  const labels = new Uint32Array(0)
  const steps = [{ step, ...columns, indices: Uint32Array.from(indices), labels, weighing }]
  return { type: 'sample-batch', attempt, steps }
}

export function sampleInfo(
  labels: readonly number[],
  more: { trueLabels?: readonly number[]; ids?: readonly string[]; firstIndex?: number } = {},
): BodyOf<'sample-info'> {
  const { trueLabels = [], ids = [], firstIndex = 0 } = more
  const count = Math.max(labels.length, ids.length)
  return {
    type: 'sample-info',
    firstIndex,
    count,
    labels: Uint32Array.from(labels),
    trueLabels: Uint32Array.from(trueLabels),
    ids,
  }
}

export function predictions(
  step: number,
  labels: readonly number[],
  more: { attempt?: number; probabilities?: readonly number[]; firstIndex?: number } = {},
): BodyOf<'sample-predictions'> {
  const { attempt = 1, probabilities = [], firstIndex = 0 } = more
  return {
    type: 'sample-predictions',
    attempt,
    step,
    firstIndex,
    count: labels.length,
    labels: Uint32Array.from(labels),
    labelProbabilities: Float32Array.from(probabilities),
  }
}

export function checkpoint(
  step: number,
  more: Partial<BodyOf<'checkpoint-written'>> = {},
): BodyOf<'checkpoint-written'> {
  return {
    type: 'checkpoint-written',
    position: { attempt: 1, step },
    path: `checkpoints/${step}.pt`,
    sha256: '00'.repeat(32),
    bytes: 1_500_000,
    seconds: 0.1,
    deleted: [],
    ...more,
  }
}

export function hello(more: Partial<Hello> = {}): Hello {
  return {
    type: 'hello',
    protocolMajor: 1,
    protocolMinor: 0,
    run: 'digits-1',
    peer: 'worker-0',
    incarnation: WORKER,
    pid: 4711,
    stepsPerEpoch: 10,
    datasetSize: 320,
    numClasses: 10,
    position: { attempt: 0, step: 0 },
    plannedThrough: 0,
    versions: { torch: '2.6.0' },
    device: 'cpu',
    initial: { lr: 0.1 },
    batchSize: 32,
    ...more,
  }
}

export function started(): BodyOf<'controller-started'> {
  return { type: 'controller-started', version: '0.1.0', pid: 4700, manifestJson: JSON.stringify(manifest()) }
}

export function joined(more: Partial<Hello> = {}, attempt = 1, runSteps = 100): BodyOf<'worker-joined'> {
  return { type: 'worker-joined', hello: hello(more), leaseEpoch: attempt, attempt, runSteps }
}

export function left(more: Partial<BodyOf<'worker-left'>> = {}): BodyOf<'worker-left'> {
  const position = { attempt: 1, step: 0 }
  return { type: 'worker-left', exitCode: 0, signal: '', lastLines: '', position, ...more }
}

export function progress(
  step: number,
  phase: BodyOf<'progress'>['phase'],
  more: Partial<BodyOf<'progress'>> = {},
): BodyOf<'progress'> {
  const position = { attempt: 1, step }
  return { type: 'progress', leaseEpoch: 1, position, phase, waits: 0, waitedSeconds: 0, ...more }
}

export function rewind(attempt: number, toStep: number): BodyOf<'rewind'> {
  return { type: 'rewind', attempt, toStep, cause: 'resume' }
}

export function ended(step: number, more: Partial<BodyOf<'run-ended'>> = {}): BodyOf<'run-ended'> {
  return {
    type: 'run-ended',
    status: 'completed',
    reason: '',
    detail: '',
    position: { attempt: 1, step },
    ...more,
  }
}

export function note(text: string, level: 'info' | 'warning' = 'info'): BodyOf<'note'> {
  return { type: 'note', level, text, position: { attempt: 1, step: 0 } }
}

export function manifest(more: Partial<Manifest> = {}): Manifest {
  return {
    format: 1,
    run: 'digits-1',
    experiment: 'digits',
    arm: 'annealed',
    createdAt: '2025-01-01T00:00:00.000Z',
    version: '0.1.0',
    params: { seed: 1, kind: 'asymmetric' },
    config: {
      task: '/home/someone/task.py:build',
      length: '10 epochs',
      evaluate: 'every epoch',
      checkpoint: 'every 5 epochs',
      objective: { metric: 'val.accuracy', goal: 'maximize' },
      controls: { lambda: 'off for 5 epochs, then exponential -5 → -0.5 over 10 epochs', lr: '0.05' },
      sampleEvery: 1,
      sampleQuotaBytes: 10_000_000_000,
      orphanLimitSeconds: 600,
      keepCheckpoints: 3,
    },
    ...more,
  }
}

const BY_WORKER = new Set<Body['type']>([
  'step-batch',
  'sample-batch',
  'sample-info',
  'sample-predictions',
  'evaluation',
  'checkpoint-written',
  'gap',
  'bye',
])

/** 2025-01-01T00:00:00Z. */
export const EPOCH_MS = 1_735_689_600_000
