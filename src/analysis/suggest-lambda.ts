/** Suggests a lambda from the last losses of a run. */
import { AbsgdError } from '../errors.js'
import { runsRoot } from '../log/run-directory.js'
import { selectRun } from '../log/select-runs.js'
import {
  forWrongLabels,
  suggestionsFor,
  type BoundedSuggestion,
  type Suggestion,
} from './lambda-suggestions.js'
import { outcomeAt, type Outcome } from './lambda-outcome.js'
import type { LossesRead } from './loss-spread.js'
import { readRecentLosses, type RecentLosses, type RecentOptions } from './recent-losses.js'
import { outcomeNow } from './try-lambdas.js'

export interface SuggestOptions extends RecentOptions {
  /** Estimated share of wrong labels, in (0, 1). @default the true share, if it is known */
  readonly wrong?: number
}

export interface Suggestions {
  /** The outcome at the lambda of the last reported step; undefined before the first. */
  readonly now: Outcome | undefined
  /** A lambda for the ESS ratios 0.9, 0.8 and 0.6, first below 0, then above. */
  readonly suggestions: readonly Suggestion[]
  /** The suggestion for the share of wrong labels; undefined if that is neither given nor known, and if no label is wrong. */
  readonly forWrong: (BoundedSuggestion & { readonly wrong: number; readonly isGuess: boolean }) | undefined
  readonly losses: LossesRead
}

/** Documented in `on-demand.ts`, which is what the public API exports. */
export async function suggest(run: string, options: SuggestOptions = {}): Promise<Suggestions> {
  checkWrong(options.wrong)
  const recent = await readRecentLosses(selectRun(runsRoot(options.runs), run), options.steps)
  return suggestFrom(recent, options.wrong)
}

export function suggestFrom(recent: RecentLosses, guess?: number): Suggestions {
  const now = outcomeNow(recent)
  const suggestions = suggestionsFor(recent.batches)
  const wrong = guess ?? knownWrong(recent)
  return {
    now,
    suggestions,
    forWrong:
      wrong === undefined
        ? undefined
        : { ...forWrongLabels(recent.batches, wrong), wrong, isGuess: guess !== undefined },
    losses: recent.about,
  }
}

/** @throws AbsgdError 'usage' when it is not in (0, 1) */
export function checkWrong(wrong: number | undefined): void {
  if (wrong === undefined || (wrong > 0 && wrong < 1)) return
  throw new AbsgdError('usage', `wrong is ${String(wrong)}, must be a share above 0 and below 1`, {
    hint: '0.3: three labels of ten are wrong',
  })
}

function knownWrong({ batches }: RecentLosses): number | undefined {
  const share = outcomeAt(batches, Infinity).wrong?.samples ?? 0
  return share > 0 && share < 1 ? share : undefined
}
