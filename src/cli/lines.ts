/** A run as lines on the standard output, until it is over. */
import { readRunSummary } from '../log/run-summary.js'
import { endLine, recordLine } from '../ui/lines/json.js'
import { createPlainOutput } from '../ui/lines/plain.js'
import type { Manifest } from '../record/manifest.js'
import type { LogRecord } from '../record/record.js'
import type { RunSummary } from '../history/summarize-run.js'
import { toStdout as print } from './print.js'
import type { LinesUi } from './ui.js'

export interface LinesOptions {
  readonly ui: LinesUi
  /** The first record that is shown; those before it count all the same. @default the very first */
  readonly from?: (record: LogRecord) => boolean
  /** Waited for before the run is read once more for its end. */
  readonly ended?: () => Promise<void>
}

export async function printRun(
  records: AsyncIterable<LogRecord>,
  manifest: Manifest,
  dir: string,
  { ui, from = () => true, ended }: LinesOptions,
): Promise<RunSummary> {
  const plain = createPlainOutput(manifest, dir)
  let begun = false
  for await (const record of records) {
    begun ||= from(record)
    const lines = plain.take(record)
    if (!begun) continue
    if (ui === 'plain') for (const line of lines) print(line)
    if (ui === 'json') for (const line of recordLine(record)) print(line)
  }
  await ended?.()
  const summary = await readRunSummary(dir)
  if (ui === 'plain') for (const line of plain.end(summary)) print(line)
  if (ui === 'json') print(endLine(summary))
  return summary
}
