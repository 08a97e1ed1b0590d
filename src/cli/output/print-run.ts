/** Prints a run to standard output, line by line, until it ends. */
import { readRunSummary } from '../../log/run-summary.js'
import { endLine, recordLine } from '../../ui/lines/json.js'
import { createPlainOutput } from '../../ui/lines/plain.js'
import type { Manifest } from '../../record/manifest.js'
import type { LogRecord } from '../../record/record.js'
import type { RunSummary } from '../../history/summarize-run.js'
import { toStdout as print } from './print.js'
import type { LinesUi } from '../ui-option.js'

export interface LinesOptions {
  readonly ui: LinesUi
  /** Whether to print from this record on. Earlier records are still counted. @default from the first record on */
  readonly from?: (record: LogRecord) => boolean
  /** Called after the last record; the summary is read after it resolves. */
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
    const lines = plain.linesOf(record)
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
