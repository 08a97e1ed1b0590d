/**
 * The analyses of the public API, each of which is loaded when it is called: every experiment file imports the public API, and few of
 * them analyse a run.
 */
import type { Candidate } from './compare-lambdas.js'
import type { Suspects, SuspectsOptions } from './find-suspects.js'
import type { Suggestions, SuggestOptions } from './suggest-lambda.js'
import type { WhatIf, WhatIfOptions } from './try-lambdas.js'

/**
 * The samples of a run that are most likely to have a wrong label, by their mean loss over the epochs (so far, if it still runs).
 *
 * @param run - Its name, or its directory.
 * @throws AbsgdError 'usage' when `count` is no whole number from 1, the run records no samples, they have no index, or no sample
 *   has the label; 'run-directory' when the run does not exist.
 */
export async function suspects(run: string, options: SuspectsOptions = {}): Promise<Suspects> {
  const analysis = await import('./find-suspects.js')
  return analysis.suspects(run, options)
}

/**
 * Computes the weights that candidates for lambda give to the last losses of a run, while it runs or afterwards. Each batch is weighed
 * on its own, as with gamma 1.
 *
 * @param run - Its name, or its directory.
 * @throws AbsgdError 'usage' for a candidate that is out of range or that no lambda reaches, and when the run has no losses in its
 *   log; 'run-directory' when the run does not exist.
 */
export async function whatIf(
  run: string,
  candidates: readonly Candidate[],
  options: WhatIfOptions = {},
): Promise<WhatIf> {
  const analysis = await import('./try-lambdas.js')
  return analysis.whatIf(run, candidates, options)
}

/**
 * Suggests values of lambda from the spread of a run's last losses. They are a starting point: losses change while training continues.
 * Anneal to a small |lambda|; do not start with it.
 *
 * @param run - Its name, or its directory.
 * @throws AbsgdError 'usage' when `wrong` is out of range or the run has no losses in its log; 'run-directory' when the run does not
 *   exist.
 */
export async function suggest(run: string, options: SuggestOptions = {}): Promise<Suggestions> {
  const analysis = await import('./suggest-lambda.js')
  return analysis.suggest(run, options)
}
