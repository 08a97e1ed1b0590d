/** Finds the lambda at which recorded losses would have a given effective sample size or KL divergence. */
import { isUsable, solveEss, solveKl } from '../weighting/solve-lambda.js'
import { outcomeAt, type LossBatch } from './lambda-outcome.js'

/** A target: `ess` in (0, 1] for `Outcome.essRatio`, or `kl` ≥ 0, in nats, for `Outcome.kl`. */
export type Target = { readonly ess: number } | { readonly kl: number }

/** The lambda that reaches a target; ±Infinity if only even weights do; undefined if no lambda does. */
export function lambdaFor(batches: readonly LossBatch[], target: Target, sign: 1 | -1): number | undefined {
  const losses = batches.map((batch) => batch.losses)
  const { min, max, isSpread } = boundsOf(losses)
  const even = 'ess' in target ? target.ess === 1 : target.kl === 0
  if (even) return sign * Infinity
  if (!isSpread) return undefined
  const options = { sign, min, max }
  const { lambda, saturated } =
    'ess' in target ? solveEss(losses, target.ess, options) : solveKl(losses, target.kl, options)
  if (saturated === 'min') return undefined
  return saturated === 'max' ? sign * Infinity : lambda
}

/** The least even weights that a lambda of this sign can give: the smallest ESS ratio and the largest KL. */
export function leastEven(batches: readonly LossBatch[], sign: 1 | -1): { ess: number; kl: number } {
  const { min } = boundsOf(batches.map((batch) => batch.losses))
  const { essRatio, kl } = outcomeAt(batches, sign * min)
  return { ess: essRatio, kl }
}

/** Bounds of |lambda|. Below `min` only one loss of a batch has weight; above `max` all weights are equal. */
function boundsOf(batches: readonly Float32Array[]) {
  let spread = 0
  for (const losses of batches.filter(isUsable)) {
    const least = losses.reduce((a, b) => Math.min(a, b))
    spread = Math.max(spread, losses.reduce((a, b) => Math.max(a, b)) - least)
  }
  const unit = spread > 0 ? spread : 1
  return { min: unit / REACH, max: unit * REACH, isSpread: spread > 0 }
}

/** Factor between the bounds of |lambda| and the largest range of losses in a batch. */
const REACH = 1e6
