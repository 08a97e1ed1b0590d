/** What readers derive from the statistics of a weighing: proto/README.md, "The rule of weights". */
import type { WeighingStatistics } from './rule.js'

export interface Diagnostics {
  /** Kish's effective sample size (Σw)²/Σw², from 1 to n. */
  readonly effectiveSampleSize: number
  /** The same as a share of n, in (0, 1]. */
  readonly essRatio: number
  /** KL divergence of the normalised weights from even ones, in nats: 0 to log n. */
  readonly kl: number
  /** Entropy of the normalised weights, in nats: log n - KL. */
  readonly entropy: number
  /** lr·Σw. */
  readonly effectiveLearningRate: number
}

type Sufficient = Pick<WeighingStatistics, 'n' | 'm' | 'sumW' | 'sumW2' | 'sumWL'>

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

/** Σwℓ/(λΣw) - m; without m the weights are even. Rounding must not make it negative. */
function divergence({ m, sumW, sumWL }: Sufficient, lambda: number): number {
  return Number.isNaN(m) ? 0 : Math.max(0, sumWL / (lambda * sumW) - m)
}
