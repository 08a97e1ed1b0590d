/** `absgd review`: how far a review is, and what it says about the labels. */
import { reviewsInWords } from '../../history/reviews.js'
import type { Share } from '../../review/estimate.js'
import type { ReviewReport, StratumReport } from '../../review/review-report.js'
import { formatCount } from '../text/format.js'
import { wrap } from '../text/layout.js'
import { sanitize } from '../text/sanitize.js'
import { entry } from './page.js'

/** @param file - The name of the file, as the user gave it. */
export function reviewLines(report: ReviewReport, file: string): string[] {
  const { run, rows, kept, dropped, relabelled, open, suspects, random, unknown, drawn } = report
  const label = drawn?.label === undefined ? '' : ` with label ${drawn.label}`
  const lines = [
    ...wrap(
      `${file}: ${formatCount(rows - open)} of ${formatCount(rows)} samples reviewed${run === undefined ? '' : `, of the run ${run}`}`,
    ),
    ...entry(
      'actions',
      `${formatCount(kept)} keep, ${formatCount(dropped)} drop, ${formatCount(relabelled)} relabel, ${formatCount(open)} empty`,
    ),
    ...entry('changes', reviewsInWords([{ dropped, relabelled, sha256: report.hash }])),
    ...(suspects.rows === 0 ? [] : entry('suspects', precisionInWords(suspects))),
    ...(random.rows === 0 ? [] : entry('random', randomInWords(random))),
    ...entry('all', `${allInWords(report)}${report.wrongLabels === undefined ? '' : label}`),
    ...(unknown === 0
      ? []
      : entry(
          'note',
          `${formatCount(unknown)} rows do not say whether they were suspects, because a column after "action" was changed or deleted: they count for the actions alone`,
        )),
    '',
    ...wrap(`the corrected data, in Python: absgd_worker.apply_review(dataset, ${JSON.stringify(file)})`),
  ]
  return lines.map(sanitize)
}

function precisionInWords({ wrong, judged, size, share }: StratumReport): string {
  if (share === undefined) return 'none is reviewed yet'
  const words = `precision ${percent(share.value)}: ${formatCount(wrong)} of ${formatCount(judged)} reviewed suspects are wrong`
  return judged < size
    ? `${words}; ${intervalInWords(share)} for all ${formatCount(size)}, if those reviewed are not the first of a ranking`
    : words
}

function randomInWords({ wrong, judged, size, share }: StratumReport): string {
  if (share === undefined) return 'none is reviewed yet'
  return `${formatCount(wrong)} of ${formatCount(judged)} reviewed are wrong: ${percent(share.value)} of the ${formatCount(size)} samples that are no suspects (${intervalInWords(share)})`
}

function allInWords({ wrongLabels, suspects, random, drawn }: ReviewReport): string {
  if (wrongLabels !== undefined)
    return `about ${percent(wrongLabels.value)} of ${formatCount(suspects.size + random.size)} labels are wrong (${intervalInWords(wrongLabels)})`
  if (drawn === undefined) return 'unknown: the columns that say how the rows were drawn are gone'
  return drawn.random === 0
    ? 'unknown: suspects alone do not tell it; write a review with --mix 100'
    : 'unknown until suspects and random samples are reviewed'
}

function intervalInWords({ low, high }: Share): string {
  return `95 % interval ${percent(low)} to ${percent(high)}`
}

function percent(share: number): string {
  return `${(100 * share).toFixed(share > 0 && share < 0.1 ? 2 : 1)} %`
}
