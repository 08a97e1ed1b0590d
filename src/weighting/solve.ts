/** Which lambda gives batches a wanted effective sample size or divergence: notes on monotony in proto/README.md. */

export interface SolveOptions {
  /** +1 or -1: which side of 0 lambda is on. */
  readonly sign: 1 | -1
  /** Bounds of |lambda|, 0 < min < max < Infinity. */
  readonly min: number
  readonly max: number
}

export interface Solution {
  /** Of the sign asked for, |lambda| in [min, max]. */
  readonly lambda: number
  /** Set where the target lies beyond what the bounds can give. */
  readonly saturated?: 'min' | 'max'
}
