/** The presets of the rule of weights: what becomes of the past, and how a new batch joins it. */
import type { WeightingRule } from '../record/weighting-rule.js'

/** What a weighing remembers between batches. */
export interface WeightState {
  /** lambda·log(normaliser), in units of loss; NaN while there is none. */
  readonly freeEnergy: number
  /** KL of the last weighed batch's weights from even ones, before any floor, in nats; NaN before. Only `default` uses it. */
  readonly kl: number
  /**
   * Of the last batch, ±Infinity when it was off; in `paper` and `reference` of the last that was not off. NaN before the
   * first.
   */
  readonly lambda: number
  /** In [0, 1]: 1 - Π(1 - gamma) over the batches since history was last dropped. Only `default` uses it. */
  readonly seen: number
}

export const FRESH_STATE: WeightState = { freeEnergy: NaN, kl: NaN, lambda: NaN, seen: 0 }

/** How a batch of mean exp(m) joins the running mean, and what is made of it. */
export interface Mixing {
  /** Log of the factor of the running mean, -Infinity for 0. */
  readonly logOld: number
  /** Log of the factor of exp(m). */
  readonly logNew: number
  /** log(normaliser) - m where there is no running mean. */
  readonly logFirst: number
  /** Between which log(normaliser) - m is held. */
  readonly lower: number
  readonly upper: number
  /** Whether 1/n is added to every weight. */
  readonly floor: boolean
}

/** Whether a batch is weighed evenly at this lambda. */
export function isOff(rule: WeightingRule, lambda: number): boolean {
  return !Number.isFinite(lambda) || (rule.preset === 'reference' && lambda >= REFERENCE_OFF)
}

/** The state as a batch meets it, at its lambda, and how the batch joins it. Not for a lambda that is off. */
export function moveOn(
  rule: WeightingRule,
  state: WeightState,
  { lambda, gamma }: { readonly lambda: number; readonly gamma: number },
): { readonly state: WeightState; readonly mixing: Mixing } {
  if (rule.preset === 'default') return carryOver(state, lambda, gamma)
  // û stays what it is in its own units, whatever lambda becomes: log û = F̂/lambda.
  const freeEnergy = lambda === state.lambda ? state.freeEnergy : state.freeEnergy * (lambda / state.lambda)
  const { alpha, floor } = rule.preset === 'reference' ? rule : NEITHER
  const logNew = Math.log(gamma) + Math.log(alpha)
  // The paper leaves its first step open: it is taken from the first batch. The reference begins at û = 0.
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
export function standStill(rule: WeightingRule, state: WeightState, lambda: number): WeightState {
  return rule.preset === 'default' ? { ...state, lambda } : state
}

function carryOver(state: WeightState, lambda: number, gamma: number) {
  // History outlives a change of lambda by at most 2x. The quotient is NaN on the first step, 0 after off,
  // and negative over a change of sign.
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

const NEITHER = { alpha: 1, floor: false }

/** From here on lambda is off in `reference`; -200 is not. */
const REFERENCE_OFF = 200

/** The weights of `default` sum to at most 2, so that no batch is kicked. */
const LOWER_CAP = -Math.LN2

/** The weights of `default` sum to at least exp(-5), so that training does not stall after a spike. */
const UPPER_CAP = 5

/** Σw <= exp(300), whose square a float64 still holds: only gamma·alpha below 1e-130 could reach it. */
const NO_LOWER_CAP = -300
