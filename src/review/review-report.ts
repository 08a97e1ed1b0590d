/** What a review says: how far it is, how precise the suspects were, and how many labels of all data are wrong. */
import { shareOf, stratifiedShare, type Counted, type Share } from './estimate.js'
import { reviewHash, type Review, type ReviewRow } from './read-review.js'
import type { Drawn, Stratum } from './sheet.js'

export interface ReviewReport {
  /** The run that the review is of; undefined if the file does not say it. */
  readonly run: string | undefined
  readonly samples: string | undefined
  readonly drawn: Drawn | undefined
  readonly rows: number
  readonly kept: number
  readonly dropped: number
  readonly relabelled: number
  /** Number of rows without an action. */
  readonly open: number
  /** SHA-256 of what the review changes, hex. */
  readonly hash: string
  readonly suspects: StratumReport
  readonly random: StratumReport
  /** Rows of which it is not known whether they were suspects: their code was changed or deleted. */
  readonly unknown: number
  /** Share of wrong labels among all ranked samples; undefined without judged random samples. */
  readonly wrongLabels: Share | undefined
}

/** `share` of wrong labels: of the suspects it is their precision. */
export interface StratumReport extends Counted {
  readonly rows: number
  readonly share: Share | undefined
}

/** A sample counts as wrong if it is dropped, or gets another label than it has. */
export function reportOf(review: Review): ReviewReport {
  const { rows, sheet } = review
  const count = (type: string) => rows.filter(({ decision }) => decision.type === type).length
  const drawn = sheet?.drawn
  const suspects = stratumReport(rows, 'suspect', drawn?.suspects ?? 0)
  const random = stratumReport(rows, 'random', drawn?.others ?? 0)
  const unknown = rows.filter(({ stratum }) => stratum === undefined).length
  return {
    run: sheet?.run,
    samples: sheet?.samples,
    drawn,
    rows: rows.length,
    kept: count('keep'),
    dropped: count('drop'),
    relabelled: count('relabel'),
    open: count('open'),
    hash: reviewHash(rows),
    suspects,
    random,
    unknown,
    wrongLabels: stratifiedShare([suspects, random]),
  }
}

function stratumReport(rows: readonly ReviewRow[], stratum: Stratum, size: number): StratumReport {
  const own = rows.filter((row) => row.stratum === stratum)
  const judged = own.filter(({ decision }) => decision.type !== 'open')
  const counted = { wrong: judged.filter(isFoundWrong).length, judged: judged.length, size }
  return { rows: own.length, ...counted, share: shareOf(counted) }
}

function isFoundWrong({ decision, label }: ReviewRow): boolean {
  return decision.type === 'drop' || (decision.type === 'relabel' && decision.label !== label)
}
