/**
 * Trains a softmax regression in float64 in milliseconds, with a guard if one is given, to see which runs collapse and whether the guard
 * reports it.
 *
 * Shapes: B samples of a batch, D features, C classes, U of which occur.
 */
import { watch, startGuard, type BackOff, type GuardOptions } from '../../src/schedule/feedback/guard.js'
import type { ReportedStep } from '../../src/schedule/feedback/feedback-rule.js'
import { essRatioOfAppliedWeights, weightedMeanLoss } from '../../src/weighting/diagnostics.js'
import { FRESH_STATE, weigh } from '../../src/weighting/weigh-batch.js'
import { createRandom, type Random } from '../../src/simulated/sampler.js'

export interface Toy {
  /** C. */
  readonly classes: number
  /** U: data sets of a few classes are trained on heads of many. */
  readonly used: number
  /** B. */
  readonly batch: number
  readonly lr: number
  /** Share of wrong labels. */
  readonly noise: number
  /** Mean of every feature, because features of images are not centred. */
  readonly offset: number
  /** Factor of the losses; the learning rate is divided by it. */
  readonly scale: number
  readonly seed: number
}

export interface ToyRun {
  readonly reports: readonly ReportedStep[]
  /** [steps], mean loss of the samples with a right label. */
  readonly cleanLosses: readonly number[]
  /** [steps], weighted loss, as a script would print it. */
  readonly weightedLosses: readonly number[]
  readonly backOffs: readonly BackOff[]
}

export interface ToyOptions {
  readonly steps: number
  readonly lambda: (step: number) => number
  /** Undefined where nobody watches. */
  readonly guard?: GuardOptions
}

/** Trains with momentum 0.9 and gamma 0.9. The guard's edits hold from the step that they ask for. */
export function trainToy(toy: Toy, { steps, lambda, guard }: ToyOptions): ToyRun {
  const model = createModel(toy)
  const run = {
    reports: [] as ReportedStep[],
    cleanLosses: [] as number[],
    weightedLosses: [] as number[],
    backOffs: [] as BackOff[],
  }
  let weighing = FRESH_STATE
  let watched = startGuard()
  for (let step = 0; step < steps; step++) {
    const factor = run.backOffs.reduce((all, one) => (step >= one.from ? all * one.factor : all), 1)
    const applied = lambda(step) * factor
    const batch = model.draw()
    const losses = model.forward(batch)
    const weighed = weigh(losses, { lambda: applied, gamma: 0.9 }, weighing)
    weighing = weighed.state
    model.step(batch, weighed.weights)
    const { meanLoss, sumW, sumW2, sumWL } = weighed.statistics
    const report: ReportedStep = {
      step,
      lambda: applied,
      controls: {},
      n: losses.length,
      meanLoss,
      essRatio: essRatioOfAppliedWeights({ n: losses.length, sumW, sumW2 }),
      sumW,
      weightedLoss: weightedMeanLoss({ sumWL, sumW }),
      topClassMass: NaN,
      topClassShare: NaN,
      metrics: {},
    }
    run.reports.push(report)
    run.weightedLosses.push(sumWL)
    const right = losses.filter((_, i) => batch.labels[i] === batch.trueLabels[i])
    run.cleanLosses.push(right.reduce((a, b) => a + b, 0) / right.length)
    if (guard === undefined) continue
    const { state, backOff } = watch(watched, report, guard)
    watched = state
    if (backOff !== undefined) run.backOffs.push(backOff)
  }
  return run
}

interface Batch {
  /** [B, D]. */
  readonly features: Float64Array
  /** [B]. */
  readonly labels: Uint32Array
  readonly trueLabels: Uint32Array
}

function createModel({ classes, used, batch, lr, noise, offset, scale, seed }: Toy) {
  const random = createRandom(seed, 1)
  const centres = Array.from({ length: used }, () => centreOf(random))
  // The initialisation of a linear layer in torch.
  const bound = 1 / Math.sqrt(D)
  const weights = Float64Array.from({ length: classes * (D + 1) }, () => bound * (2 * random.uniform() - 1))
  const velocity = new Float64Array(weights.length)
  // [B, C]: dℓ/dlogits of the last batch.
  const errors = new Float64Array(batch * classes)

  function draw(): Batch {
    const features = new Float64Array(batch * D)
    const labels = new Uint32Array(batch)
    const trueLabels = Uint32Array.from(labels, () => random.below(used))
    trueLabels.forEach((label, i) => {
      for (let d = 0; d < D; d++) features[i * D + d] = offset + centres[label]![d]! + random.gaussian()
      labels[i] = random.uniform() < noise ? random.below(used) : label
    })
    return { features, labels, trueLabels }
  }

  function forward({ features, labels }: Batch): Float64Array {
    const losses = new Float64Array(batch)
    for (let i = 0; i < batch; i++) {
      const start = i * classes
      let largest = -Infinity
      for (let c = 0, at = 0; c < classes; c++) {
        let logit = 0
        for (let d = 0; d < D; d++) logit += weights[at++]! * features[i * D + d]!
        logit += weights[at++]!
        errors[start + c] = logit
        if (logit > largest) largest = logit
      }
      const own = errors[start + labels[i]!]!
      let total = 0
      for (let c = 0; c < classes; c++) total += errors[start + c] = Math.exp(errors[start + c]! - largest)
      for (let c = 0; c < classes; c++) errors[start + c]! /= total
      errors[start + labels[i]!]! -= 1
      losses[i] = scale * (Math.log(total) + largest - own)
    }
    return losses
  }

  /** lr/scale · scale·dℓ: the scale of the losses does not change the way that is gone. */
  function step({ features }: Batch, sampleWeights: Float64Array): void {
    for (let at = 0; at < velocity.length; at++) velocity[at]! *= 0.9
    for (let i = 0; i < batch; i++) {
      for (let c = 0, at = 0; c < classes; c++) {
        const slope = sampleWeights[i]! * errors[i * classes + c]!
        for (let d = 0; d < D; d++) velocity[at++]! += slope * features[i * D + d]!
        velocity[at++]! += slope
      }
    }
    for (let at = 0; at < weights.length; at++) weights[at]! -= lr * velocity[at]!
  }

  return { draw, forward, step }
}

function centreOf(random: Random): Float64Array {
  const direction = Float64Array.from({ length: D }, () => random.gaussian())
  const length = Math.sqrt(direction.reduce((sum, value) => sum + value * value, 0))
  return direction.map((value) => (SEPARATION * value) / length)
}

const D = 12
const SEPARATION = 3
