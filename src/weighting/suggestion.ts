/** Which lambda to begin to think about, from the spread of losses. */
import { isUsable } from './solve.js'
import { lambdaFor, outcomeAt, type LossBatch, type Outcome } from './what-if.js'

/** In units of loss, over all samples of the usable batches. */
export interface LossSpread {
  readonly median: number
  /** A tenth of the losses is below `p10`, a tenth above `p90`. */
  readonly p10: number
  readonly p90: number
  /** Root of the mean variance within a batch: for |lambda| well above it, ESS/n is about 1/(1 + (deviation/lambda)²). */
  readonly deviation: number
}

/** A lambda for an ESS ratio. */
export interface Suggestion {
  readonly ess: number
  readonly sign: 1 | -1
  /** Undefined where no lambda of the sign gives the ratio. */
  readonly outcome: Outcome | undefined
}

/** @param batches - At least one that `isUsable`; others are left out, likewise below. */
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

/** For every ratio of `RATIOS`, first below 0, then above. */
export function suggestionsFor(batches: readonly LossBatch[]): Suggestion[] {
  return ([-1, 1] as const).flatMap((sign) => RATIOS.map((ess) => suggestionFor(batches, ess, sign)))
}

/**
 * For labels of which the share `wrong`, in (0, 1), is wrong: at an ESS ratio of 1 - wrong with lambda < 0 about as many
 * samples count as are labelled right.
 */
export function forWrongLabels(batches: readonly LossBatch[], wrong: number): Suggestion {
  return suggestionFor(batches, 1 - wrong, -1)
}

function suggestionFor(batches: readonly LossBatch[], ess: number, sign: 1 | -1): Suggestion {
  const lambda = lambdaFor(batches, { ess }, sign)
  return { ess, sign, outcome: lambda === undefined ? undefined : outcomeAt(batches, lambda) }
}

function variance(losses: Float32Array): number {
  const mean = losses.reduce((sum, loss) => sum + loss, 0) / losses.length
  return losses.reduce((sum, loss) => sum + (loss - mean) ** 2, 0) / losses.length
}

const RATIOS = [0.9, 0.8, 0.6]
