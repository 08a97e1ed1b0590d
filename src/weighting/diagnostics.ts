/** What readers derive from the statistics of a weighing: proto/README.md, "The rule of weights". */
import type { WeighingStatistics } from './rule.js'

export interface Diagnostics {
  /** Kish's effective sample size (Σw)²/Σw², from 1 to n; NaN where all weights are too small for a float64. */
  readonly effectiveSampleSize: number
  /** The same as a share of n, in (0, 1]. */
  readonly essRatio: number
  /** KL divergence of the normalised weights, before class factor and floor, from even ones, in nats: 0 to log n. */
  readonly kl: number
  /** Entropy of the same weights, in nats: log n - KL. */
  readonly entropy: number
  /** lr·Σw. */
  readonly effectiveLearningRate: number
}

type Sufficient = Pick<
  WeighingStatistics,
  'n' | 'm' | 'sumW' | 'sumW2' | 'sumWL' | 'meanLoss' | 'freeEnergy'
> & {
  /** Where the weights carry a class factor: KL and entropy are those before it. */
  readonly bare?: { readonly kl: number }
}

/** `lambda` and `lr` as applied at the step; a missing lr gives a missing (NaN) effective one. */
export function diagnose(statistics: Sufficient, applied: { lambda: number; lr?: number }): Diagnostics {
  const { n } = statistics
  const effectiveSampleSize = statistics.sumW ** 2 / statistics.sumW2
  const kl = divergence(statistics, applied.lambda)
  return {
    effectiveSampleSize,
    essRatio: effectiveSampleSize / n,
    kl,
    entropy: Math.log(n) - kl,
    effectiveLearningRate: (applied.lr ?? NaN) * statistics.sumW,
  }
}

/** Σwℓ/(λΣw) - m without the floor; without m the weights are even. Rounding must not make it negative. */
function divergence({ m, sumW, sumWL, meanLoss, freeEnergy, bare }: Sufficient, lambda: number): number {
  if (Number.isNaN(m)) return 0
  if (bare !== undefined) return Math.max(0, bare.kl)
  // What the exponentials do not add to Σw, a floor did: 1/n to every weight.
  const floor = sumW - Math.exp(m - freeEnergy / lambda) > 0.5 ? 1 : 0
  return Math.max(0, (sumWL - floor * meanLoss) / (lambda * (sumW - floor)) - m)
}
