/** `absgd ledger`: lists the changes of controls: who, what, why, and from which step on. */
import { Command } from 'commander'
import { runsRoot } from '../../log/run-directory.js'
import { selectRun } from '../../log/select-runs.js'
import { readRun } from '../../log/read-run.js'
import { jsonText } from '../../ui/lines/json.js'
import { WIDTH } from '../../ui/text/layout.js'
import { ledgerLines } from '../../ui/lines/ledger.js'
import { addToLedger, emptyLedger } from '../../history/ledger-lines.js'
import { toStdout, type Print } from '../output/print.js'

interface LedgerOptions {
  readonly runs?: string
  readonly json?: true
}

export function ledgerCommand(print: Print = toStdout): Command {
  return new Command('ledger')
    .description('list what was changed during a run: when, by whom, why')
    .argument('<run>', 'name of a run, or its directory')
    .option('--runs <dir>', 'folder of runs (default: $ABSGD_RUNS, else ./runs)')
    .option('--json', 'print an array of lines as objects')
    .action((run: string, options: LedgerOptions) => ledger(run, options, print))
}

async function ledger(nameOrPath: string, { runs, json }: LedgerOptions, print: Print): Promise<void> {
  const dir = selectRun(runsRoot(runs), nameOrPath)
  let entries = emptyLedger()
  for await (const record of readRun(dir, { streams: ['steps'] })) entries = addToLedger(entries, record)
  const width = process.stdout.isTTY ? Math.max(WIDTH, process.stdout.columns) : WIDTH
  const lines = json === true ? [jsonText(entries.lines)] : ledgerLines(entries.lines, width)
  for (const line of lines) print(line)
}
