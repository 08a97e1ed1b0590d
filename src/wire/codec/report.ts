/** Telemetry of a worker: steps, samples, evaluations. */
import type {
  Evaluation,
  Gap,
  SampleBatch,
  SampleInfo,
  SamplePredictions,
  StepBatch,
  StepSamples,
  Weighing,
} from '../../record/record.js'
import type {
  Evaluation as WireEvaluation,
  EvaluationSchema,
  Gap as WireGap,
  GapSchema,
  SampleBatch as WireSampleBatch,
  SampleBatchSchema,
  SampleInfo as WireSampleInfo,
  SampleInfoSchema,
  SamplePredictions as WireSamplePredictions,
  SamplePredictionsSchema,
  StepBatch as WireStepBatch,
  StepBatchSchema,
  StepSamples as WireStepSamples,
  StepSamplesSchema,
  Weighing as WireWeighing,
  WeighingSchema,
} from '../gen/absgd/v1/report_pb.js'
import {
  bytesOf,
  countUnlessEmpty,
  readFloat32,
  readFloat64,
  readInt8,
  readUint32,
  type Arena,
} from './arrays.js'
import { gapReasons, readWord, writeWord } from './enums.js'
import type { Init } from './init.js'
import { readColumns, readValues, writeColumns, writeValues } from './named.js'
import { duration, fromUint64, integerWithin, toUint64, violation } from './numbers.js'

export function readStepBatch(batch: WireStepBatch, arena: Arena): StepBatch {
  const count = integerWithin(batch.count, 1, MOST_STEPS, 'StepBatch.count')
  const weighings = batch.weighings.map((weighing) => readWeighing(weighing, count, arena))
  if (new Set(weighings.map(({ name }) => name)).size !== weighings.length) {
    throw violation('StepBatch.weighings', 'has two entries of one name')
  }
  return {
    type: 'step-batch',
    attempt: batch.attempt,
    firstStep: fromUint64(batch.firstStep, 'StepBatch.first_step'),
    count,
    controls: readColumns(arena, batch.controls, () => count, 'StepBatch.controls'),
    weighings,
    ...(batch.withoutMain ? { withoutMain: true as const } : {}),
    metrics: readColumns(arena, batch.metrics, () => count, 'StepBatch.metrics'),
    stepSeconds: readFloat32(arena, batch.stepSeconds, count, 'StepBatch.step_seconds'),
    waits: fromUint64(batch.waits, 'StepBatch.waits'),
  }
}

export function writeStepBatch(batch: StepBatch): Init<typeof StepBatchSchema> {
  return {
    attempt: batch.attempt,
    firstStep: toUint64(batch.firstStep, 'StepBatch.first_step'),
    count: batch.count,
    controls: writeColumns(batch.controls),
    weighings: batch.weighings.map(writeWeighing),
    withoutMain: batch.withoutMain ?? false,
    metrics: writeColumns(batch.metrics),
    stepSeconds: bytesOf(batch.stepSeconds),
    waits: toUint64(batch.waits, 'StepBatch.waits'),
  }
}

export function readSampleBatch({ attempt, steps }: WireSampleBatch, arena: Arena): SampleBatch {
  return { type: 'sample-batch', attempt, steps: steps.map((samples) => readStepSamples(samples, arena)) }
}

export function writeSampleBatch({ attempt, steps }: SampleBatch): Init<typeof SampleBatchSchema> {
  return { attempt, steps: steps.map(writeStepSamples) }
}

export function readSampleInfo(info: WireSampleInfo, arena: Arena): SampleInfo {
  const { count, labels, trueLabels, ids } = info
  if (ids.length !== 0 && ids.length !== count) {
    throw violation('SampleInfo.ids', `has ${ids.length} entries for ${count} samples`)
  }
  return {
    type: 'sample-info',
    firstIndex: fromUint64(info.firstIndex, 'SampleInfo.first_index'),
    count,
    labels: readUint32(arena, labels, countUnlessEmpty(labels, count), 'SampleInfo.labels'),
    trueLabels: readUint32(arena, trueLabels, countUnlessEmpty(trueLabels, count), 'SampleInfo.true_labels'),
    ids,
  }
}

export function writeSampleInfo(info: SampleInfo): Init<typeof SampleInfoSchema> {
  return {
    firstIndex: toUint64(info.firstIndex, 'SampleInfo.first_index'),
    count: info.count,
    labels: bytesOf(info.labels),
    trueLabels: bytesOf(info.trueLabels),
    ids: [...info.ids],
  }
}

export function readSamplePredictions(predictions: WireSamplePredictions, arena: Arena): SamplePredictions {
  const { attempt, count, labels, labelProbabilities } = predictions
  const field = 'SamplePredictions.label_probabilities'
  const probabilities = readFloat32(
    arena,
    labelProbabilities,
    countUnlessEmpty(labelProbabilities, count),
    field,
  )
  const odd = probabilities.find((probability) => probability < 0 || probability > 1)
  if (odd !== undefined) throw violation(field, `holds ${odd}; probabilities are from 0 to 1`)
  return {
    type: 'sample-predictions',
    attempt,
    step: fromUint64(predictions.step, 'SamplePredictions.step'),
    firstIndex: fromUint64(predictions.firstIndex, 'SamplePredictions.first_index'),
    count,
    labels: readUint32(arena, labels, count, 'SamplePredictions.labels'),
    labelProbabilities: probabilities,
  }
}

export function writeSamplePredictions(predictions: SamplePredictions): Init<typeof SamplePredictionsSchema> {
  return {
    attempt: predictions.attempt,
    step: toUint64(predictions.step, 'SamplePredictions.step'),
    firstIndex: toUint64(predictions.firstIndex, 'SamplePredictions.first_index'),
    count: predictions.count,
    labels: bytesOf(predictions.labels),
    labelProbabilities: bytesOf(predictions.labelProbabilities),
  }
}

export function readEvaluation(evaluation: WireEvaluation, arena: Arena): Evaluation {
  const { numClasses, confusion } = evaluation
  const counts = readUint32(arena, confusion, numClasses ** 2, 'Evaluation.confusion')
  return {
    type: 'evaluation',
    attempt: evaluation.attempt,
    step: fromUint64(evaluation.step, 'Evaluation.step'),
    split: evaluation.split,
    metrics: readValues(evaluation.metrics, 'Evaluation.metrics'),
    ...(numClasses === 0 ? {} : { confusion: { classes: numClasses, counts } }),
    seconds: duration(evaluation.seconds, 'Evaluation.seconds'),
  }
}

export function writeEvaluation(evaluation: Evaluation): Init<typeof EvaluationSchema> {
  const { confusion } = evaluation
  return {
    attempt: evaluation.attempt,
    step: toUint64(evaluation.step, 'Evaluation.step'),
    split: evaluation.split,
    metrics: writeValues(evaluation.metrics),
    numClasses: confusion?.classes ?? 0,
    confusion: bytesOf(confusion?.counts ?? new Uint32Array()),
    seconds: evaluation.seconds,
  }
}

export function readGap({ attempt, firstStep, reason }: WireGap): Gap {
  return {
    type: 'gap',
    attempt,
    firstStep: fromUint64(firstStep, 'Gap.first_step'),
    reason: readWord(gapReasons, reason, 'Gap.reason'),
  }
}

export function writeGap({ attempt, firstStep, reason }: Gap): Init<typeof GapSchema> {
  return { attempt, firstStep: toUint64(firstStep, 'Gap.first_step'), reason: writeWord(gapReasons, reason) }
}

function readWeighing(weighing: WireWeighing, count: number, arena: Arena): Weighing {
  if (weighing.name === '') throw violation('Weighing.name', 'is empty')
  const capped = readInt8(arena, weighing.capped, count, 'Weighing.capped')
  const odd = capped.find((value) => value < -1 || value > 1)
  if (odd !== undefined) throw violation('Weighing.capped', `holds ${odd}; it must be -1, 0 or 1`)
  const classes = weighing.classMass.length / Float32Array.BYTES_PER_ELEMENT / count
  if (classes > MOST_CLASSES)
    throw violation('Weighing.class_mass', `has ${classes} classes; 1000 is the most`)
  return {
    name: weighing.name,
    n: readUint32(arena, weighing.n, count, 'Weighing.n'),
    m: readFloat64(arena, weighing.m, count, 'Weighing.m'),
    sumW: readFloat64(arena, weighing.sumW, count, 'Weighing.sum_w'),
    sumW2: readFloat64(arena, weighing.sumW2, count, 'Weighing.sum_w2'),
    sumWL: readFloat64(arena, weighing.sumWl, count, 'Weighing.sum_wl'),
    maxW: readFloat64(arena, weighing.maxW, count, 'Weighing.max_w'),
    meanLoss: readFloat64(arena, weighing.meanLoss, count, 'Weighing.mean_loss'),
    freeEnergy: readFloat64(arena, weighing.freeEnergy, count, 'Weighing.free_energy'),
    capped,
    nonFinite: readUint32(arena, weighing.nonFinite, count, 'Weighing.non_finite'),
    classMass: readFloat32(arena, weighing.classMass, count * Math.floor(classes), 'Weighing.class_mass'),
    topClassShare: readFloat32(
      arena,
      weighing.topClassShare,
      countUnlessEmpty(weighing.topClassShare, count),
      'Weighing.top_class_share',
    ),
    ...readBare(weighing, count, arena),
  }
}

function readBare({ bareKl, bareEss }: WireWeighing, count: number, arena: Arena): Pick<Weighing, 'bare'> {
  if (bareKl.length === 0 && bareEss.length === 0) return {}
  return {
    bare: {
      kl: readFloat64(arena, bareKl, count, 'Weighing.bare_kl'),
      ess: readFloat64(arena, bareEss, count, 'Weighing.bare_ess'),
    },
  }
}

function writeWeighing(weighing: Weighing): Init<typeof WeighingSchema> {
  return {
    name: weighing.name,
    n: bytesOf(weighing.n),
    m: bytesOf(weighing.m),
    sumW: bytesOf(weighing.sumW),
    sumW2: bytesOf(weighing.sumW2),
    sumWl: bytesOf(weighing.sumWL),
    maxW: bytesOf(weighing.maxW),
    meanLoss: bytesOf(weighing.meanLoss),
    freeEnergy: bytesOf(weighing.freeEnergy),
    capped: bytesOf(weighing.capped),
    nonFinite: bytesOf(weighing.nonFinite),
    classMass: bytesOf(weighing.classMass),
    topClassShare: bytesOf(weighing.topClassShare),
    bareKl: bytesOf(weighing.bare?.kl ?? NO_VALUES),
    bareEss: bytesOf(weighing.bare?.ess ?? NO_VALUES),
  }
}

function readStepSamples(samples: WireStepSamples, arena: Arena): StepSamples {
  const { n, losses, weights, indices, labels, weighing } = samples
  return {
    step: fromUint64(samples.step, 'StepSamples.step'),
    losses: readFloat32(arena, losses, n, 'StepSamples.losses'),
    weights: readFloat32(arena, weights, n, 'StepSamples.weights'),
    indices: readUint32(arena, indices, countUnlessEmpty(indices, n), 'StepSamples.indices'),
    labels: readUint32(arena, labels, countUnlessEmpty(labels, n), 'StepSamples.labels'),
    weighing: weighing === '' ? USUAL_WEIGHING : weighing,
  }
}

function writeStepSamples(samples: StepSamples): Init<typeof StepSamplesSchema> {
  return {
    step: toUint64(samples.step, 'StepSamples.step'),
    n: samples.losses.length,
    losses: bytesOf(samples.losses),
    weights: bytesOf(samples.weights),
    indices: bytesOf(samples.indices),
    labels: bytesOf(samples.labels),
    weighing: samples.weighing === USUAL_WEIGHING ? '' : samples.weighing,
  }
}

/** Far more than a worker puts into one batch. */
const MOST_STEPS = 262_144
const MOST_CLASSES = 1000
const NO_VALUES = new Float64Array()
/** The main weighing's name, which samples on the wire leave out. */
const USUAL_WEIGHING = 'loss'
