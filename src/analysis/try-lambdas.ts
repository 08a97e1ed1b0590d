/** Computes the weights that other values of lambda would give to the last losses of a run. */
import { AbsgdError } from '../errors.js'
import { runsRoot } from '../log/run-directory.js'
import { selectRun } from '../log/select-runs.js'
import { sideOf, weighCandidates, type Candidate } from './compare-lambdas.js'
import { leastEven, type Target } from './lambda-for-target.js'
import { outcomeAt, type Outcome } from './lambda-outcome.js'
import type { LossesRead } from './loss-spread.js'
import { readRecentLosses, type RecentLosses, type RecentOptions } from './recent-losses.js'

export type { Candidate } from './compare-lambdas.js'

export interface WhatIfOptions extends RecentOptions {
  /** Sign of the lambda that is computed for a target. @default the sign of the applied lambda; -1 if that is off */
  readonly sign?: 1 | -1
}

export interface WhatIf {
  /** The outcome at the lambda of the last reported step; undefined before the first. */
  readonly now: Outcome | undefined
  /** The outcomes in the order of the candidates. */
  readonly outcomes: readonly Outcome[]
  readonly losses: LossesRead
}

/** Documented in `on-demand.ts`, which is what the public API exports. */
export async function whatIf(
  run: string,
  candidates: readonly Candidate[],
  { sign, steps, runs }: WhatIfOptions = {},
): Promise<WhatIf> {
  candidates.forEach(checkCandidate)
  const recent = await readRecentLosses(selectRun(runsRoot(runs), run), steps)
  return weighAnew(recent, candidates, sign)
}

/** @throws AbsgdError 'usage' for a candidate that no lambda reaches. */
export function weighAnew(recent: RecentLosses, candidates: readonly Candidate[], sign?: 1 | -1): WhatIf {
  const applied = { lambda: appliedLambda(recent), ...(sign === undefined ? {} : { sign }) }
  const { now, outcomes } = weighCandidates(recent.batches, candidates, applied)
  return {
    now,
    outcomes: candidates.map((candidate, i) => {
      const outcome = outcomes[i]
      if (outcome !== undefined) return outcome
      // Only a target can have no outcome.
      throw unreachableTargetError(recent, candidate as Target, sideOf(applied))
    }),
    losses: recent.about,
  }
}

/** At the lambda of the last step reported; undefined before the first. */
export function outcomeNow(recent: RecentLosses): Outcome | undefined {
  const lambda = appliedLambda(recent)
  return lambda === undefined ? undefined : outcomeAt(recent.batches, lambda)
}

/** @throws AbsgdError 'usage' naming the value that is out of range. */
export function checkCandidate(candidate: Candidate): void {
  if ('lambda' in candidate) {
    const { lambda } = candidate
    if (typeof lambda === 'number' && !Number.isNaN(lambda) && lambda !== 0) return
    throw outOfRange('lambda', lambda, 'a number other than 0', 'off, or Infinity, is plain SGD')
  }
  if ('ess' in candidate) {
    const { ess } = candidate
    if (ess > 0 && ess <= 1) return
    throw outOfRange('ess', ess, 'a ratio above 0, at most 1', '0.6: as if 6 samples of 10 counted')
  }
  const { kl } = candidate
  if (kl >= 0 && kl < Infinity) return
  throw outOfRange('kl', kl, 'a number of nats from 0', '0 is even; log n is one sample of n alone')
}

function appliedLambda({ view }: RecentLosses): number | undefined {
  return view.snapshot.last?.controls['lambda']
}

function unreachableTargetError({ batches }: RecentLosses, target: Target, sign: 1 | -1): AbsgdError {
  const limit = leastEven(batches, sign)
  const [asked, range] =
    'ess' in target
      ? [`ESS ratio of ${target.ess}`, `${rounded(limit.ess)} is the least`]
      : [`KL of ${target.kl}`, `${rounded(limit.kl)} is the most`]
  const side = sign < 0 ? 'below' : 'above'
  return new AbsgdError('usage', `no lambda ${side} 0 gives these losses a mean ${asked}: ${range}`, {
    hint: 'one sample of each batch has all the weight there, or those with the same loss share it',
  })
}

function outOfRange(name: string, value: unknown, range: string, hint: string): AbsgdError {
  return new AbsgdError('usage', `${name} is ${String(value)}, must be ${range}`, { hint })
}

function rounded(value: number): string {
  return String(Number(value.toPrecision(3)))
}
