/** Which lambda to begin to think about, from the spread of losses. */
import { lambdaFor, outcomeAt, type LossBatch, type Outcome } from './lambda-outcome.js'

/** A lambda for an ESS ratio. */
export interface Suggestion {
  readonly ess: number
  readonly sign: 1 | -1
  /** Undefined where no lambda of the sign gives the ratio. */
  readonly outcome: Outcome | undefined
}

/**
 * For the ratios 0.9, 0.8 and 0.6, first below 0, then above.
 *
 * @param batches - At least one that `isUsable`; others are left out, likewise below.
 */
export function suggestionsFor(batches: readonly LossBatch[]): Suggestion[] {
  return ([-1, 1] as const).flatMap((sign) => RATIOS.map((ess) => suggestionFor(batches, ess, sign)))
}

/** As a suggestion, but |lambda| is no smaller than `MIN_SIZE`. */
export interface BoundedSuggestion extends Suggestion {
  /** The lambda that gives the ratio, where that is closer to 0 than `outcome` is; undefined where it is not. */
  readonly unbounded: number | undefined
}

/**
 * For labels of which the share `wrong`, in (0, 1), is wrong: at an ESS ratio of 1 - wrong with lambda < 0 about as many
 * samples count as are labelled right. Where losses nearly coincide, as without wrong labels, the lambda for a ratio runs
 * to 0 and the model collapses: it is bounded.
 */
export function forWrongLabels(batches: readonly LossBatch[], wrong: number): BoundedSuggestion {
  const suggestion = suggestionFor(batches, 1 - wrong, -1)
  const lambda = suggestion.outcome?.lambda ?? -Infinity
  if (lambda <= -MIN_SIZE) return { ...suggestion, unbounded: undefined }
  return { ...suggestion, outcome: outcomeAt(batches, -MIN_SIZE), unbounded: lambda }
}

/** Of |lambda|, for losses in nats: the bound with which the ratio was held safely on small image data. */
export const MIN_SIZE = 0.5

function suggestionFor(batches: readonly LossBatch[], ess: number, sign: 1 | -1): Suggestion {
  const lambda = lambdaFor(batches, { ess }, sign)
  return { ess, sign, outcome: lambda === undefined ? undefined : outcomeAt(batches, lambda) }
}

const RATIOS = [0.9, 0.8, 0.6]
