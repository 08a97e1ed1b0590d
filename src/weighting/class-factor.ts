/**
 * The class factor in float64: the twin of `class_balance.py`, bound to it by `proto/golden/class_balance.json`.
 *
 * Class-balanced weights of arXiv 1901.05555; formulas in proto/README.md, "The class factor".
 */
import { DEFAULT_WEIGHTING, type WeightingRule } from '../record/weighting-rule.js'
import { essOfAppliedWeights } from './diagnostics.js'
import type { WeightState } from './presets.js'
import { weigh, type Weighed, type WeightControls, type WeighingStatistics } from './rule.js'

/** Of the weights before a class factor. */
export interface Bare {
  /** KL divergence from even ones, before any floor, in nats. */
  readonly kl: number
  /** Effective sample size, from 1 to n; NaN where all weights are too small for a float64. */
  readonly ess: number
}

export interface Balanced extends Weighed {
  /** Of the weights as applied; m, F̂ and `capped` are those of the exponents alone. */
  readonly statistics: WeighingStatistics & { readonly bare: Bare }
}

/**
 * (1 - beta)/(1 - betaⁿ) of every class, scaled to a sum of as many as have samples; 0 for those that have none.
 *
 * @param counts - Samples of each class in the training data
 * @param beta - In [0, 1): 0 gives ones, towards 1 it is in proportion to 1/n
 */
export function classFactors(counts: ArrayLike<number>, beta: number): Float64Array {
  // 1 - beta is the same for all. 1 - betaⁿ is taken so that a beta next to 1 leaves its digits.
  const raw = Float64Array.from(counts, (count) => {
    if (count === 0) return 0
    return beta === 0 ? 1 : -1 / Math.expm1(count * Math.log(beta))
  })
  const classes = raw.reduce((sum, value) => (value > 0 ? sum + 1 : sum), 0)
  const total = raw.reduce((sum, value) => sum + value, 0)
  return raw.map((value) => (value * classes) / total)
}

/**
 * Weighs one batch as `weigh` does, and multiplies the weights by a factor a sample. The losses decide the weights as they are,
 * but in `reference`: there they are multiplied before. Statistics are those of the weights as applied to the losses given.
 */
export function weighBalanced(
  losses: Float64Array,
  factors: Float64Array,
  controls: WeightControls,
  before: WeightState,
  rule: WeightingRule = DEFAULT_WEIGHTING,
): Balanced {
  const isInside = rule.preset === 'reference'
  const exponents = isInside ? losses.map((loss, i) => loss * factors[i]!) : losses
  const { weights: bare, state, statistics } = weigh(exponents, controls, before, rule)
  const weights = bare.map((weight, i) => weight * factors[i]!)
  const total = (term: (weight: number, i: number) => number) =>
    weights.reduce((sum, weight, i) => sum + term(weight, i), 0)
  const { n, m, sumW, sumW2 } = statistics
  return {
    weights,
    state,
    statistics: {
      ...statistics,
      sumW: total((weight) => weight),
      sumW2: total((weight) => weight * weight),
      sumWL: total((weight, i) => weight * losses[i]!),
      maxW: weights.reduce((a, b) => Math.max(a, b)),
      meanLoss: total((_, i) => losses[i]!) / n,
      bare: { kl: Number.isNaN(m) ? 0 : state.kl, ess: essOfAppliedWeights({ sumW, sumW2 }) },
    },
  }
}
