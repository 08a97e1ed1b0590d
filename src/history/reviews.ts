/** The reviews of suspects whose corrected data a run trains on, from the notes of its worker. */

export interface AppliedReview {
  /** Number of samples that were left out. */
  readonly dropped: number
  /** Number of samples that got another label. */
  readonly relabelled: number
  /** Of the decisions, 64 hex digits. */
  readonly sha256: string
}

/** Adds the review that a note is about, if it is about one that is not known yet. */
export function withReview(reviews: readonly AppliedReview[], note: string): readonly AppliedReview[] {
  const found = NOTE.exec(note)
  if (found === null) return reviews
  const sha256 = found[3]!
  if (reviews.some((known) => known.sha256 === sha256)) return reviews
  return [...reviews, { dropped: Number(found[1]), relabelled: Number(found[2]), sha256 }]
}

/** `37 dropped, 12 relabelled (a1b2c3d4)` */
export function reviewsInWords(reviews: readonly AppliedReview[]): string {
  return reviews
    .map(
      ({ dropped, relabelled, sha256 }) =>
        `${dropped} dropped, ${relabelled} relabelled (${sha256.slice(0, 8)})`,
    )
    .join('; ')
}

/** `AppliedReview.note` in python-worker/src/absgd_worker/review/applied.py. */
const NOTE = /^review: (\d+) dropped, (\d+) relabelled \(sha256 ([0-9a-f]{64})\)$/
