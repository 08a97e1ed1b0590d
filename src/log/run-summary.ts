/** How a run stands, without reading the log of one that has ended twice. */
import { readManifest } from './run-directory.js'
import { readSummaryText, summaryKey, writeSummaryText } from './summary-file.js'
import { lockHolder } from './lock/run-lock.js'
import type { RunSummary } from '../history/summarize-run.js'

/**
 * The summary of the run in `dir`. That of a run that has ended undamaged is kept beside its log, and taken from there while the
 * log is as it was. Sample logs are looked through for damage: what is kept must not hide it.
 *
 * @throws as `readRunView`
 */
export async function readRunSummary(dir: string): Promise<RunSummary> {
  const key = lockHolder(dir) === undefined ? summaryKey(dir) : undefined
  const kept = key === undefined ? undefined : readSummaryText(dir, key)
  // A directory that was copied or renamed is another run.
  if (kept !== undefined) return { ...revived(kept), dir, run: readManifest(dir).run }
  // Loaded when a log has to be read: a list of runs that have all ended starts in half the time without.
  const { readRunView } = await import('./run-view.js')
  const { summary } = await readRunView(dir, { checkSamplesUpTo: CHECKED_BYTES })
  const isFinal = summary.status !== 'running' && summary.status !== 'lost' && summary.damage === undefined
  if (key !== undefined && isFinal && lockHolder(dir) === undefined && summaryKey(dir) === key)
    writeSummaryText(dir, key, textOf(summary))
  return summary
}

/** Numbers that JSON does not have become text in an array, which nothing else in a summary is. */
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
/** A list stays quick: `show` checks larger sample logs. */
const CHECKED_BYTES = 256 * 1024 * 1024
