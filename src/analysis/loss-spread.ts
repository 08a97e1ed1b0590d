/** How losses are spread: what sets the scale of lambda. */
import type { DamagedFile } from '../history/summarize-run.js'
import { isUsable } from '../weighting/solve-lambda.js'
import type { LossBatch } from './lambda-outcome.js'

/** Which losses of a run were looked at. */
export interface LossesRead {
  readonly firstStep: number
  readonly lastStep: number
  readonly batches: number
  readonly samples: number
  /** Batches that are not among them, as they have a loss that is not finite. */
  readonly leftOut: number
  /** The weighing that they belong to. */
  readonly weighing: string
  readonly spread: LossSpread
  /** What of the log could not be read; everything before it counts. */
  readonly damage: readonly DamagedFile[]
}

/** In units of loss, over all samples of the usable batches. */
export interface LossSpread {
  readonly median: number
  /** A tenth of the losses is below `p10`, a tenth above `p90`. */
  readonly p10: number
  readonly p90: number
  /** Root of the mean variance within a batch: for |lambda| well above it, ESS/n is about 1/(1 + (deviation/lambda)²). */
  readonly deviation: number
}

/** @param batches - At least one that `isUsable`; others are left out. */
export function spreadOf(batches: readonly LossBatch[]): LossSpread {
  const usable = batches.map(({ losses }) => losses).filter(isUsable)
  const sorted = Float32Array.from(usable.flatMap((losses) => [...losses])).sort()
  const quantile = (share: number) => sorted[Math.round(share * (sorted.length - 1))]!
  const meanVariance = usable.reduce((sum, losses) => sum + variance(losses), 0) / usable.length
  return {
    median: quantile(0.5),
    p10: quantile(0.1),
    p90: quantile(0.9),
    deviation: Math.sqrt(meanVariance),
  }
}

function variance(losses: Float32Array): number {
  const mean = losses.reduce((sum, loss) => sum + loss, 0) / losses.length
  return losses.reduce((sum, loss) => sum + (loss - mean) ** 2, 0) / losses.length
}
