/**
 * The rule of weights in float64: the twin of `weights.py`, bound to it by `proto/golden/weights.json` and `presets.json`.
 *
 * Paper: ABSGD, arXiv 2012.06951, Algorithm 1. Formulas: proto/README.md, "The rule of weights".
 */
import { AbsgdError } from '../errors.js'
import { DEFAULT_WEIGHTING, type WeightingRule } from '../record/weighting-rule.js'
import {
  FRESH_STATE,
  isOff,
  stateForBatch,
  stateAfterEvenBatch,
  type Mixing,
  type WeightState,
} from './normaliser-presets.js'

export { FRESH_STATE, type WeightState }

export interface WeightControls {
  /** In units of loss, not 0. Positive: high losses get more weight; negative: less weight; ±Infinity: off. */
  readonly lambda: number
  /** In (0, 1]: factor of the new batch in the running mean, which remembers about 1/gamma batches. */
  readonly gamma: number
}

/** Statistics of one weighing. A `Weighing` record has a column for each. */
export interface WeighingStatistics {
  readonly n: number
  /** log mean exp(loss/lambda); NaN where the batch was weighed evenly: lambda off, or losses not finite. */
  readonly m: number
  /** Sum of the weights, which multiplies the learning rate. In [exp(-5), 2] in the preset `default` only. */
  readonly sumW: number
  readonly sumW2: number
  readonly sumWL: number
  readonly maxW: number
  readonly meanLoss: number
  /** Free energy of the state after the step, in units of loss. */
  readonly freeEnergy: number
  /** -1: the normaliser was limited by its lower cap; +1: by its upper cap; 0: not limited. */
  readonly capped: -1 | 0 | 1
  readonly nonFinite: number
}

export interface Weighed {
  /** One weight for each sample, factor 1/n included. */
  readonly weights: Float64Array
  readonly state: WeightState
  readonly statistics: WeighingStatistics
}

/**
 * Weighs one batch of n ≥ 1 losses. If not all numbers are finite, the weights are even and the state does not change.
 *
 * @param losses - [n], in units of loss, without weights
 * @throws AbsgdError 'usage' for lambda 0 or NaN, gamma outside (0, 1], or an empty batch
 */
export function weigh(
  losses: Float64Array,
  controls: WeightControls,
  before: WeightState,
  rule: WeightingRule = DEFAULT_WEIGHTING,
): Weighed {
  check(losses, controls)
  const { lambda } = controls
  if (isOff(rule, lambda)) return weighEvenly(losses, stateAfterEvenBatch(rule, before, lambda))
  const { state, mixing } = stateForBatch(rule, before, controls)

  const n = losses.length
  const pivot = losses.reduce((a, b) => (lambda > 0 ? Math.max(a, b) : Math.min(a, b)))
  const exponents = losses.map((loss) => (loss - pivot) / lambda)
  const weights = exponents.map(Math.exp)
  const total = sum(weights)
  const logMean = Math.log(total / n)
  const meanExponent = dot(weights, exponents) / total
  const kl = meanExponent - logMean
  const gap = logAdd(mixing.logOld + ((state.freeEnergy - pivot) / lambda - logMean), mixing)
  const limited = Math.min(Math.max(gap, mixing.lower), mixing.upper)
  const freeEnergy = pivot + lambda * (logMean + limited)
  const meanLoss = sum(losses) / n
  if (!Number.isFinite(meanLoss + kl + freeEnergy)) return weighEvenly(losses, state)

  const tilted = Math.exp(-limited)
  const scale = tilted / total
  const squares = scale * scale * dot(weights, weights)
  // A floor raises every weight by 1/n.
  const floor = mixing.floor ? 1 : 0
  weights.forEach((weight, index) => (weights[index] = weight * scale + floor / n))
  return {
    weights,
    state: { ...state, freeEnergy, kl },
    statistics: {
      n,
      m: pivot / lambda + logMean,
      sumW: tilted + floor,
      sumW2: squares + (floor * (2 * tilted + 1)) / n,
      sumWL: tilted * (pivot + lambda * meanExponent) + floor * meanLoss,
      maxW: scale + floor / n,
      meanLoss,
      freeEnergy,
      capped: gap < mixing.lower ? -1 : gap > mixing.upper ? 1 : 0,
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

/** log(exp(old) + exp(logNew)); `logFirst` if `old` is NaN, which means that there is no running mean yet. */
function logAdd(old: number, { logNew, logFirst }: Mixing): number {
  if (Number.isNaN(old)) return logFirst
  return Math.max(old, logNew) + Math.log1p(Math.exp(-Math.abs(old - logNew)))
}

function sum(values: Float64Array): number {
  return values.reduce((a, b) => a + b, 0)
}

function dot(a: Float64Array, b: Float64Array): number {
  return a.reduce((total, value, index) => total + value * b[index]!, 0)
}
