/**
 * The rule of weights in float64: the twin of `weights.py`, bound to it by `proto/golden/weights.json`.
 *
 * Paper: ABSGD, arXiv 2012.06951, Algorithm 1; DESIGN section 3; formulas in proto/README.md, "The rule of weights".
 */
import { AbsgdError } from '../errors.js'

/** What a weighing remembers between batches. */
export interface WeightState {
  /** lambda·log(normaliser), in units of loss; NaN while there is none. */
  readonly freeEnergy: number
  /** KL of the last weighed batch's weights from even ones, in nats; NaN while there is none. */
  readonly kl: number
  /** Of the last batch, ±Infinity when it was off; NaN before the first. */
  readonly lambda: number
  /** In [0, 1]: 1 - Π(1 - gamma) over the batches since history was last dropped. */
  readonly seen: number
}

export const FRESH_STATE: WeightState = { freeEnergy: NaN, kl: NaN, lambda: NaN, seen: 0 }

export interface WeightControls {
  /** In units of loss, not 0: positive attends to high losses, negative turns away, ±Infinity is off. */
  readonly lambda: number
  /** In (0, 1]: the new batch's factor in the running mean, a memory of 1/gamma batches. */
  readonly gamma: number
}

/** Statistics of one weighing; the columns of a `Weighing` record hold one of each a step. */
export interface WeighingStatistics {
  readonly n: number
  /** log mean exp(loss/lambda); NaN where the batch was weighed evenly: lambda off, or losses not finite. */
  readonly m: number
  /** In [exp(-5), 2]: what multiplies the learning rate. */
  readonly sumW: number
  readonly sumW2: number
  readonly sumWL: number
  readonly maxW: number
  readonly meanLoss: number
  /** Of the state after the step. */
  readonly freeEnergy: number
  /** -1: the normaliser was held by its lower cap, +1: by its upper, 0: by none. */
  readonly capped: -1 | 0 | 1
  readonly nonFinite: number
}

export interface Weighed {
  /** 1/n included. */
  readonly weights: Float64Array
  readonly state: WeightState
  readonly statistics: WeighingStatistics
}

/**
 * Weighs one batch of at least one loss. A batch whose numbers are not all finite is weighed evenly and leaves
 * the estimate as it was. Throws an `AbsgdError` for lambda 0 or NaN, gamma outside (0, 1], an empty batch.
 */
export function weigh(losses: Float64Array, controls: WeightControls, state: WeightState): Weighed {
  check(losses, controls)
  const { lambda, gamma } = controls
  if (!Number.isFinite(lambda)) {
    return weighEvenly(losses, { ...state, lambda })
  }

  // History outlives a change of lambda by at most 2x. The quotient is NaN on the first step, 0 after off,
  // and negative over a change of sign.
  const quotient = lambda / state.lambda
  const carried = quotient >= 0.5 && quotient <= 2
  const prior = carried ? carryOver(state, lambda) : NaN
  const seenBefore = carried ? state.seen : 0
  const seen = seenBefore + gamma * (1 - seenBefore)
  const share = Math.min(1, gamma / seen)

  const n = losses.length
  const pivot = losses.reduce((a, b) => (lambda > 0 ? Math.max(a, b) : Math.min(a, b)))
  const exponents = losses.map((loss) => (loss - pivot) / lambda)
  const weights = exponents.map(Math.exp)
  const total = sum(weights)
  const logMean = Math.log(total / n)
  const meanExponent = dot(weights, exponents) / total
  const kl = meanExponent - logMean
  const gap = logAdd(Math.log1p(-share) + ((prior - pivot) / lambda - logMean), Math.log(share))
  const held = Math.min(Math.max(gap, LOWER_CAP), UPPER_CAP)
  const freeEnergy = pivot + lambda * (logMean + held)
  const meanLoss = sum(losses) / n
  if (!Number.isFinite(meanLoss + kl + freeEnergy)) {
    return weighEvenly(losses, { freeEnergy: prior, kl: state.kl, lambda, seen })
  }

  const sumW = Math.exp(-held)
  const scale = sumW / total
  const squares = dot(weights, weights)
  weights.forEach((weight, index) => (weights[index] = weight * scale))
  return {
    weights,
    state: { freeEnergy, kl, lambda, seen },
    statistics: {
      n,
      m: pivot / lambda + logMean,
      sumW,
      sumW2: scale * scale * squares,
      sumWL: sumW * (pivot + lambda * meanExponent),
      maxW: scale,
      meanLoss,
      freeEnergy,
      capped: gap < LOWER_CAP ? -1 : gap > UPPER_CAP ? 1 : 0,
      nonFinite: 0,
    },
  }
}

function check(losses: Float64Array, { lambda, gamma }: WeightControls): void {
  if (Number.isNaN(lambda) || lambda === 0) {
    throw new AbsgdError('usage', `lambda is ${lambda}, must be a number other than 0`, {
      hint: 'Use Infinity to switch weighting off.',
    })
  }
  if (!(gamma > 0 && gamma <= 1)) {
    throw new AbsgdError('usage', `gamma is ${gamma}, must be in (0, 1]`, {
      hint: 'Use 1 to weigh each batch on its own.',
    })
  }
  if (losses.length === 0) {
    throw new AbsgdError('usage', 'the batch has 0 losses, must have at least 1', {
      hint: 'Leave empty batches out.',
    })
  }
}

/** The free energy at another lambda, from dF/dlambda = -KL. */
function carryOver({ freeEnergy, kl, lambda: last }: WeightState, lambda: number): number {
  return lambda === last ? freeEnergy : freeEnergy - kl * (lambda - last)
}

function weighEvenly(losses: Float64Array, state: WeightState): Weighed {
  const n = losses.length
  const meanLoss = sum(losses) / n
  return {
    weights: new Float64Array(n).fill(1 / n),
    state,
    statistics: {
      n,
      m: NaN,
      sumW: 1,
      sumW2: 1 / n,
      sumWL: meanLoss,
      maxW: 1 / n,
      meanLoss,
      freeEnergy: state.freeEnergy,
      capped: 0,
      nonFinite: losses.reduce((count, loss) => (Number.isFinite(loss) ? count : count + 1), 0),
    },
  }
}

/** log(exp(old) + exp(fresh)); 0, the log of the whole, where NaN says that there is nothing old. */
function logAdd(old: number, fresh: number): number {
  if (Number.isNaN(old)) return 0
  return Math.max(old, fresh) + Math.log1p(Math.exp(-Math.abs(old - fresh)))
}

function sum(values: Float64Array): number {
  return values.reduce((a, b) => a + b, 0)
}

function dot(a: Float64Array, b: Float64Array): number {
  return a.reduce((total, value, index) => total + value * b[index]!, 0)
}

/** Of log(normaliser) - m: the weights sum to at most 2, so that no batch is kicked. */
const LOWER_CAP = -Math.LN2

/** Of log(normaliser) - m: the weights sum to at least exp(-5), so that training does not stall after a spike. */
const UPPER_CAP = 5
