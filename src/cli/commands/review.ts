/** `absgd review`: what a review of suspects says so far, or a view to go through it by keys. */
import { readFileSync } from 'node:fs'
import { Command, Option } from 'commander'
import { sampleHistories } from '../../analysis/sample-histories.js'
import { AbsgdError } from '../../errors.js'
import { runsRoot } from '../../log/run-directory.js'
import { selectRun } from '../../log/select-runs.js'
import { parseReview, type Review } from '../../review/read-review.js'
import { reportOf } from '../../review/review-report.js'
import { jsonText } from '../../ui/lines/json.js'
import { reviewLines } from '../../ui/lines/review.js'
import { processTerminal, viewReview } from '../review-view.js'
import { toStdout, type Print } from '../output/print.js'

export function reviewCommand(print: Print = toStdout): Command {
  return new Command('review')
    .description('tell how precise the suspects were, and how many labels are wrong')
    .argument('<file>', 'CSV of "absgd samples RUN --suspects 500 --mix 100 --csv"')
    .addOption(
      new Option('--tui', 'go through the samples by keys; each decision is saved at once').conflicts('json'),
    )
    .option('--runs <dir>', 'folder of runs (default: $ABSGD_RUNS, else ./runs)')
    .option('--json', 'print one JSON object')
    .addHelpText('after', WHAT)
    .action(async (file: string, options: ReviewOptions) => {
      if (options.tui === true) await goThrough(file, options.runs)
      const report = reportOf(readReview(file))
      if (options.json === true) print(jsonText({ type: 'review', file, ...report }))
      else for (const line of reviewLines(report, file)) print(line)
    })
}

interface ReviewOptions {
  readonly tui?: true
  readonly runs?: string
  readonly json?: true
}

async function goThrough(file: string, runs: string | undefined): Promise<void> {
  if (!process.stdin.isTTY || !process.stdout.isTTY)
    throw new AbsgdError('usage', '--tui needs a terminal', {
      hint: 'write the actions in an editor or a spreadsheet instead',
    })
  const review = readReview(file)
  if (review.rows.length === 0) return
  const losses = await lossesOf(review, runs)
  await viewReview(file, review, (index) => losses.get(index) ?? [], processTerminal())
}

/** The losses of the reviewed samples, if the run is here. In a blind review there are none: they would tell a suspect. */
async function lossesOf({ sheet, rows }: Review, runs: string | undefined) {
  const none: ReadonlyMap<number, readonly number[]> = new Map()
  if (sheet === undefined || sheet.drawn.random > 0) return none
  try {
    const dir = selectRun(runsRoot(runs), sheet.run)
    return await sampleHistories(
      dir,
      rows.map(({ index }) => index),
    )
  } catch (error) {
    if (error instanceof AbsgdError) return none
    throw error
  }
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
