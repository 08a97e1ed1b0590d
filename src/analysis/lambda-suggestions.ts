/** Suggests values of lambda from the spread of losses. */
import { lambdaFor } from './lambda-for-target.js'
import { outcomeAt, type LossBatch, type Outcome } from './lambda-outcome.js'

/** A lambda that gives an ESS ratio. */
export interface Suggestion {
  readonly ess: number
  readonly sign: 1 | -1
  /** Undefined if no lambda of the sign gives the ratio. */
  readonly outcome: Outcome | undefined
}

/**
 * Suggestions for the ESS ratios 0.9, 0.8 and 0.6, first with lambda below 0, then above.
 *
 * @param batches - At least one must be usable (`isUsable`); others are left out.
 */
export function suggestionsFor(batches: readonly LossBatch[]): Suggestion[] {
  return ([-1, 1] as const).flatMap((sign) => RATIOS.map((ess) => suggestionFor(batches, ess, sign)))
}

/** A suggestion in which |lambda| is at least `MIN_SIZE`. */
export interface BoundedSuggestion extends Suggestion {
  /** The lambda that gives the ratio, if it is closer to 0 than the bound; else undefined. */
  readonly unbounded: number | undefined
}

/**
 * A suggestion if the share `wrong`, in (0, 1), of the labels is wrong. At an ESS ratio of 1 - wrong with lambda < 0, about as many
 * samples count as have right labels. If losses are nearly equal, as without wrong labels, the lambda for a ratio goes to 0, at which
 * the model collapses. Therefore |lambda| is bounded.
 */
export function forWrongLabels(batches: readonly LossBatch[], wrong: number): BoundedSuggestion {
  const suggestion = suggestionFor(batches, 1 - wrong, -1)
  const lambda = suggestion.outcome?.lambda ?? -Infinity
  if (lambda <= -MIN_SIZE) return { ...suggestion, unbounded: undefined }
  return { ...suggestion, outcome: outcomeAt(batches, -MIN_SIZE), unbounded: lambda }
}

/** Bound of |lambda|, for losses in nats. With this bound, runs on small image data kept the ratio without a collapse. */
export const MIN_SIZE = 0.5

function suggestionFor(batches: readonly LossBatch[], ess: number, sign: 1 | -1): Suggestion {
  const lambda = lambdaFor(batches, { ess }, sign)
  return { ess, sign, outcome: lambda === undefined ? undefined : outcomeAt(batches, lambda) }
}

const RATIOS = [0.9, 0.8, 0.6]
