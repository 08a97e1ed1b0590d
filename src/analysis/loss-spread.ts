/** The spread of losses, which determines the scale of lambda. */
import type { DamagedFile } from '../history/summarize-run.js'
import { isUsable } from '../weighting/solve-lambda.js'
import type { LossBatch } from './lambda-outcome.js'

/** The losses of a run that were read. */
export interface LossesRead {
  readonly firstStep: number
  readonly lastStep: number
  readonly batches: number
  readonly samples: number
  /** Number of batches that are left out because they have a loss that is not finite. */
  readonly leftOut: number
  /** Name of the weighing that the losses belong to. */
  readonly weighing: string
  readonly spread: LossSpread
  /** Parts of the log that could not be read; everything before them counts. */
  readonly damage: readonly DamagedFile[]
}

/** Quantiles and deviation over all samples of the usable batches, in units of loss. */
export interface LossSpread {
  readonly median: number
  /** One tenth of the losses is below `p10`, one tenth above `p90`. */
  readonly p10: number
  readonly p90: number
  /** Root of the mean variance within a batch. If |lambda| is well above it, ESS/n is about 1/(1 + (deviation/lambda)²). */
  readonly deviation: number
}

/** @param batches - At least one must be usable (`isUsable`); others are left out. */
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
