/**
 * The model of a simulated worker, softmax regression in float64, and its optimizer.
 *
 * Shapes: N samples of a split, B of a batch, D features, C classes. Parameters are [C, D + 1], the last column is the bias.
 */
import { CLASSES, FEATURES, SIMULATION, type Split } from './data.js'

/** The initial parameters, all 0: every class has the same probability. */
export function freshParameters(): Float64Array {
  return new Float64Array(C * COLUMNS)
}

/** The result of a forward pass over one batch. */
export interface Forward {
  /** [B]: cross-entropy, rounded to float32 as a worker's losses are. */
  readonly losses: Float64Array
  /** [B, C]. */
  readonly probabilities: Float64Array
}

/** `indices` [B]: which samples of the split. */
export function forward(parameters: Float64Array, split: Split, indices: Uint32Array): Forward {
  const { features, labels } = split
  const losses = new Float64Array(indices.length)
  const probabilities = new Float64Array(indices.length * C)
  for (let row = 0; row < indices.length; row++) {
    const sample = indices[row]!
    const logits = probabilities.subarray(row * C, (row + 1) * C)
    let largest = -Infinity
    for (let c = 0; c < C; c++) {
      const logit = logitOf(parameters, c, features, sample)
      logits[c] = logit
      if (!(logit <= largest)) largest = logit
    }
    const own = logits[labels[sample]!]!
    let total = 0
    for (let c = 0; c < C; c++) total += logits[c] = Math.exp(logits[c]! - largest)
    for (let c = 0; c < C; c++) logits[c]! /= total
    losses[row] = Math.fround(Math.log(total) + largest - own)
  }
  return { losses, probabilities }
}

/** d(Σ wℓ)/dparameters, [C, D + 1], for weights [B]. */
export function gradient(
  { probabilities }: Forward,
  { features, labels }: Split,
  indices: Uint32Array,
  weights: Float64Array,
): Float64Array {
  const result = new Float64Array(C * COLUMNS)
  for (let row = 0; row < indices.length; row++) {
    const sample = indices[row]!
    const start = sample * D
    for (let c = 0; c < C; c++) {
      const error = probabilities[row * C + c]! - (labels[sample] === c ? 1 : 0)
      const factor = weights[row]! * error
      const column = c * COLUMNS
      for (let i = 0; i < D; i++) result[column + i]! += factor * features[start + i]!
      result[column + D]! += factor
    }
  }
  return result
}

/** The most probable class of every sample of a split, [N], and the mean loss. */
export function predict(parameters: Float64Array, split: Split): { classes: Uint32Array; meanLoss: number } {
  const all = Uint32Array.from(split.labels, (_, sample) => sample)
  const { losses, probabilities } = forward(parameters, split, all)
  const classes = all.map((row) => {
    const own = probabilities.subarray(row * C, (row + 1) * C)
    return own.indexOf(Math.max(...own))
  })
  return { classes, meanLoss: losses.reduce((sum, loss) => sum + loss, 0) / losses.length }
}

/** The probability that the model gives to the label of every sample, [N]. */
export function labelProbabilities(parameters: Float64Array, split: Split): Float32Array {
  const all = Uint32Array.from(split.labels, (_, sample) => sample)
  const { probabilities } = forward(parameters, split, all)
  return Float32Array.from(split.labels, (label, sample) => probabilities[sample * C + label]!)
}

function logitOf(parameters: Float64Array, c: number, features: Float64Array, sample: number): number {
  const start = sample * D
  const column = c * COLUMNS
  let logit = parameters[column + D]!
  for (let i = 0; i < D; i++) logit += parameters[column + i]! * features[start + i]!
  return logit
}

export interface OptimizerState {
  readonly parameters: Float64Array
  readonly velocity: Float64Array
  readonly settings: Readonly<Record<Setting, number>>
}

export interface Optimizer {
  readonly parameters: Float64Array
  /** Sets the hyperparameters of the row, and returns all current ones. */
  setHyperparameters(row: Readonly<Record<string, number>>): Readonly<Record<Setting, number>>
  /** Trains one step. The gradient is clipped to the norm `clipNorm`. */
  step(gradient: Float64Array, clipNorm?: number): void
  state(): OptimizerState
  restore(state: OptimizerState): void
}

/** SGD with momentum, weight decay and clipping, computed as torch does. */
export function createOptimizer(parameters: Float64Array): Optimizer {
  const velocity = new Float64Array(parameters.length)
  let settings: Record<Setting, number> = { ...SIMULATION.optimizer }
  return {
    parameters,
    setHyperparameters(row) {
      for (const name of SETTINGS) settings[name] = row[name] ?? settings[name]
      return { ...settings }
    },
    step(gradient, clipNorm = Infinity) {
      const { lr, momentum, weight_decay: decay } = settings
      const scale = scaleOf(gradient, clipNorm)
      for (let i = 0; i < parameters.length; i++) {
        velocity[i] = momentum * velocity[i]! + scale * gradient[i]! + decay * parameters[i]!
        parameters[i]! -= lr * velocity[i]!
      }
    },
    state: () => ({ parameters, velocity, settings }),
    restore(state) {
      parameters.set(state.parameters)
      velocity.set(state.velocity)
      settings = { ...state.settings }
    },
  }
}

/** The factor, at most 1, that reduces the gradient's norm to `norm`. */
function scaleOf(gradient: Float64Array, norm: number): number {
  if (norm === Infinity) return 1
  const own = Math.sqrt(gradient.reduce((sum, value) => sum + value * value, 0))
  return Math.min(1, norm / (own + 1e-6))
}

export type Setting = keyof typeof SIMULATION.optimizer
const SETTINGS = Object.keys(SIMULATION.optimizer) as readonly Setting[]

// Constants of this module: an imported name is looked up again in every iteration of a loop if modules are not linked natively.
const D = FEATURES
const C = CLASSES
const COLUMNS = D + 1
