/** Candidates for lambda beside the one that is applied, on the same losses: before against after. */
import { lambdaFor, outcomeAt, type LossBatch, type Outcome, type Target } from './lambda-outcome.js'

/** A lambda (±Infinity is off), or the evenness that one is looked for, see `Outcome`: `ess` in (0, 1], `kl` from 0. */
export type Candidate = { readonly lambda: number } | Target

export interface AppliedLambda {
  /** Undefined where nothing has been applied yet. */
  readonly lambda: number | undefined
  /** Of the lambda that gives an `ess` or `kl`. @default that of the lambda applied; -1 where it is off */
  readonly sign?: 1 | -1
}

export interface BeforeAfter {
  /** At the lambda applied. */
  readonly now: Outcome | undefined
  /** In the order of the candidates; undefined for a target that no lambda meets. */
  readonly outcomes: readonly (Outcome | undefined)[]
}

/**
 * Time grows with the number of losses: an outcome takes three exponentials of each and a sort of every batch, a target
 * some 40 exponentials more. For 64 batches of 128 that is a few milliseconds, or some ten: cheap enough to draw at 10 Hz.
 *
 * @param batches - At least one that `isUsable`; others are left out.
 */
export function weighCandidates(
  batches: readonly LossBatch[],
  candidates: readonly Candidate[],
  applied: AppliedLambda,
): BeforeAfter {
  const sign = sideOf(applied)
  return {
    now: applied.lambda === undefined ? undefined : outcomeAt(batches, applied.lambda),
    outcomes: candidates.map((candidate) => {
      const lambda = 'lambda' in candidate ? candidate.lambda : lambdaFor(batches, candidate, sign)
      return lambda === undefined ? undefined : outcomeAt(batches, lambda)
    }),
  }
}

/** The side of 0 on which lambda is looked for. */
export function sideOf({ lambda, sign }: AppliedLambda): 1 | -1 {
  return sign ?? (lambda !== undefined && Number.isFinite(lambda) && lambda > 0 ? 1 : -1)
}
