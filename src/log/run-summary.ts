/** Reads the summary of a run. The summary of an ended run is cached in `summary.json`, so that its log is read once. */
import { readManifest } from './run-directory.js'
import { readSummaryText, summaryKey, writeSummaryText } from './summary-file.js'
import { lockHolder } from './lock/run-lock.js'
import type { RunSummary } from '../history/summarize-run.js'

/**
 * The summary of the run in `dir`. If the run has ended and its log is not damaged, the summary is written to a file beside the log, and
 * read from there as long as the log does not change. Logs of samples are checked for damage first, so that the cached summary does
 * not hide it.
 *
 * @throws as `readRunView`
 */
export async function readRunSummary(dir: string): Promise<RunSummary> {
  const key = lockHolder(dir) === undefined ? summaryKey(dir) : undefined
  const kept = key === undefined ? undefined : readSummaryText(dir, key)
  // A directory that was copied or renamed is another run.
  if (kept !== undefined) return { ...revived(kept), dir, run: readManifest(dir).run }
  // Loaded only if a log has to be read: without it, a list of ended runs starts in half the time.
  const { readRunView } = await import('./run-view.js')
  const { summary } = await readRunView(dir, { checkSamplesUpTo: CHECKED_BYTES })
  const isFinal = summary.status !== 'running' && summary.status !== 'lost' && summary.damage === undefined
  if (key !== undefined && isFinal && lockHolder(dir) === undefined && summaryKey(dir) === key)
    writeSummaryText(dir, key, textOf(summary))
  return summary
}

/** NaN and ±Infinity become an array of two texts, which does not occur elsewhere in a summary. */
function textOf(summary: RunSummary): string {
  return JSON.stringify(summary, (_, value: unknown) =>
    typeof value === 'number' && !Number.isFinite(value) ? [NUMBER, String(value)] : value,
  )
}

function revived(text: string): RunSummary {
  return JSON.parse(text, (_, value: unknown) =>
    Array.isArray(value) && value.length === 2 && value[0] === NUMBER ? Number(value[1]) : value,
  ) as RunSummary
}

const NUMBER = 'absgd:number'
/** Larger logs of samples are not checked here, so that lists are fast; `show` checks them. */
const CHECKED_BYTES = 256 * 1024 * 1024
