/** `absgd show`: everything that is known of a run. */
import { Command } from 'commander'
import { findRun, runsRoot } from '../log/directory.js'
import { readRunView } from '../operator/view.js'
import { jsonText } from '../output/json.js'
import { pageLines } from '../output/page.js'
import { toStdout, type Print } from './print.js'

interface ShowOptions {
  readonly runs?: string
  readonly json?: true
}

export function showCommand(print: Print = toStdout): Command {
  return new Command('show')
    .description('show how a run stands, or how it ended')
    .argument('<run>', 'name of a run, or its directory')
    .option('--runs <dir>', 'folder of runs (default: $ABSGD_RUNS, else ./runs)')
    .option('--json', 'print the summary as one JSON object')
    .action((run: string, options: ShowOptions) => show(run, options, print))
}

async function show(nameOrPath: string, options: ShowOptions, print: Print): Promise<void> {
  const dir = findRun(runsRoot(options.runs), nameOrPath)
  const { summary } = await readRunView(dir, { checkSamplesUpTo: Infinity })
  const lines = options.json === true ? [jsonText(summary)] : pageLines(summary)
  for (const line of lines) print(line)
}
