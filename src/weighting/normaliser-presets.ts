/** The presets of the rule of weights: how the running mean is carried over, and how a new batch is mixed into it. */
import type { WeightingRule } from '../record/weighting-rule.js'

/** The state of a weighing between batches. */
export interface WeightState {
  /** lambda·log(normaliser), in units of loss; NaN before the first weighed batch. */
  readonly freeEnergy: number
  /** KL divergence of the last weighed batch from even weights, before any floor, in nats; NaN before. Only `default` uses it. */
  readonly kl: number
  /**
   * Lambda of the last batch, ±Infinity if it was off; in `paper` and `reference`, of the last batch that was not off. NaN before
   * the first batch.
   */
  readonly lambda: number
  /** In [0, 1]: 1 - Π(1 - gamma) over the batches since history was last dropped. Only `default` uses it. */
  readonly seen: number
}

export const FRESH_STATE: WeightState = { freeEnergy: NaN, kl: NaN, lambda: NaN, seen: 0 }

/** How a batch with mean exp(m) is mixed into the running mean, and the caps on the result. */
export interface Mixing {
  /** Log of the factor of the running mean; -Infinity means a factor of 0. */
  readonly logOld: number
  /** Log of the factor of exp(m). */
  readonly logNew: number
  /** log(normaliser) - m if there is no running mean. */
  readonly logFirst: number
  /** Bounds of log(normaliser) - m. */
  readonly lower: number
  readonly upper: number
  /** Whether 1/n is added to every weight. */
  readonly floor: boolean
}

/** Whether a batch is weighed evenly at this lambda. */
export function isOff(rule: WeightingRule, lambda: number): boolean {
  return !Number.isFinite(lambda) || (rule.preset === 'reference' && lambda >= REFERENCE_OFF)
}

/** The state before a batch, converted to its lambda, and how the batch is mixed into it. Not for a lambda that is off. */
export function stateForBatch(
  rule: WeightingRule,
  state: WeightState,
  { lambda, gamma }: { readonly lambda: number; readonly gamma: number },
): { readonly state: WeightState; readonly mixing: Mixing } {
  if (rule.preset === 'default') return carryOver(state, lambda, gamma)
  // û does not change with lambda: log û = F̂/lambda.
  const freeEnergy = lambda === state.lambda ? state.freeEnergy : state.freeEnergy * (lambda / state.lambda)
  const { alpha, floor } = rule.preset === 'reference' ? rule : NO_ALPHA_NO_FLOOR
  const logNew = Math.log(gamma) + Math.log(alpha)
  // The paper does not define the first step; here the first batch gives û. The reference begins at û = 0.
  const logFirst = rule.preset === 'paper' ? 0 : logNew
  return {
    state: { ...state, freeEnergy, lambda },
    mixing: {
      logOld: Math.log1p(-gamma),
      logNew,
      logFirst,
      lower: NO_LOWER_CAP,
      upper: Infinity,
      floor,
    },
  }
}

/** The state after a batch at a lambda that is off. */
export function stateAfterEvenBatch(rule: WeightingRule, state: WeightState, lambda: number): WeightState {
  return rule.preset === 'default' ? { ...state, lambda } : state
}

function carryOver(state: WeightState, lambda: number, gamma: number) {
  // The history is kept if |lambda| changes by a factor of at most 2. The quotient is NaN on the first step, 0 after off,
  // and negative after a change of sign.
  const quotient = lambda / state.lambda
  const carried = quotient >= 0.5 && quotient <= 2
  const change = lambda - state.lambda
  const moved = change === 0 ? state.freeEnergy : state.freeEnergy - state.kl * change // dF/dlambda = -KL
  const seenBefore = carried ? state.seen : 0
  const seen = seenBefore + gamma * (1 - seenBefore)
  const share = Math.min(1, gamma / seen)
  return {
    state: { freeEnergy: carried ? moved : NaN, kl: state.kl, lambda, seen },
    mixing: {
      logOld: Math.log1p(-share),
      logNew: Math.log(share),
      logFirst: 0,
      lower: LOWER_CAP,
      upper: UPPER_CAP,
      floor: false,
    },
  }
}

const NO_ALPHA_NO_FLOOR = { alpha: 1, floor: false }

/** In `reference`, a lambda from this value on is off; -200 is not off. */
const REFERENCE_OFF = 200

/** The weights of `default` sum to at most 2, which bounds the effective learning rate. */
const LOWER_CAP = -Math.LN2

/** The weights of `default` sum to at least exp(-5), so that training does not stall after a very high loss. */
const UPPER_CAP = 5

/** Σw <= exp(300), so that its square fits a float64. Only gamma·alpha below 1e-130 could exceed it. */
const NO_LOWER_CAP = -300
