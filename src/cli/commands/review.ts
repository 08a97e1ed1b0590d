/** `absgd review`: what a review of suspects says so far. */
import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { AbsgdError } from '../../errors.js'
import { parseReview, type Review } from '../../review/read-review.js'
import { reportOf } from '../../review/review-report.js'
import { jsonText } from '../../ui/lines/json.js'
import { reviewLines } from '../../ui/lines/review.js'
import { toStdout, type Print } from '../output/print.js'

export function reviewCommand(print: Print = toStdout): Command {
  return new Command('review')
    .description('tell how precise the suspects were, and how many labels are wrong')
    .argument('<file>', 'CSV of "absgd samples RUN --suspects 500 --mix 100 --csv"')
    .option('--json', 'print one JSON object')
    .addHelpText('after', WHAT)
    .action((file: string, options: { readonly json?: true }) => {
      const report = reportOf(readReview(file))
      if (options.json === true) print(jsonText({ type: 'review', file, ...report }))
      else for (const line of reviewLines(report, file)) print(line)
    })
}

/** @throws AbsgdError 'usage' when the file cannot be read, or is no review. */
export function readReview(file: string): Review {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file))
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new AbsgdError('usage', `cannot read the review ${file}: ${reason}`, {
      cause: error,
      ...('code' in (error as object) && String((error as { code: unknown }).code).includes('ENCODING')
        ? { hint: 'save it as CSV UTF-8' }
        : {}),
    })
  }
  try {
    return parseReview(text)
  } catch (error) {
    if (!(error instanceof AbsgdError)) throw error
    throw new AbsgdError(error.code, `${file}: ${error.message}`, {
      cause: error,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    })
  }
}

const WHAT = `
Write keep, drop or relabel:X (the number of a class) into the column "action",
in an editor or a spreadsheet. A sample counts as wrong if it is dropped or gets
another label. The share of wrong labels among all samples takes random samples
(--mix), which are not marked in the file, so that both are judged alike.`
