/** `absgd show`: shows settings, status and results of runs. */
import { Command } from 'commander'
import { runsRoot } from '../../log/run-directory.js'
import { isPattern, selectRun, selectRuns } from '../../log/select-runs.js'
import { readRunView } from '../../log/run-view.js'
import { readMirrors } from '../../log/mirrors-file.js'
import { jsonText } from '../../ui/lines/json.js'
import { pageLines } from '../../ui/lines/page.js'
import type { RunSummary } from '../../history/summarize-run.js'
import { toStdout, type Print } from '../output/print.js'

interface ShowOptions {
  readonly runs?: string
  readonly json?: true
}

export function showCommand(print: Print = toStdout): Command {
  return new Command('show')
    .description('show settings, status and results of a run')
    .argument('<run>', 'name of a run, its directory, or a pattern ("exp-*"): all that match')
    .option('--runs <dir>', 'folder of runs (default: $ABSGD_RUNS, else ./runs)')
    .option('--json', 'print the summary as one JSON object; of a pattern an array')
    .action((run: string, options: ShowOptions) => show(run, options, print))
}

async function show(nameOrPath: string, options: ShowOptions, print: Print): Promise<void> {
  const root = runsRoot(options.runs)
  const several = isPattern(nameOrPath)
  const summaries: RunSummary[] = []
  for (const dir of several ? selectRuns(root, [nameOrPath]) : [selectRun(root, nameOrPath)])
    summaries.push({
      ...(await readRunView(dir, { checkSamplesUpTo: Infinity })).summary,
      ...mirrorsOf(dir),
    })
  if (options.json === true) {
    print(jsonText(several ? summaries : summaries[0]))
    return
  }
  for (const [i, summary] of summaries.entries())
    for (const line of [...(i === 0 ? [] : ['']), ...pageLines(summary)]) print(line)
}

/** Where the run is to be seen besides; nothing without a mirror. */
function mirrorsOf(dir: string): Pick<RunSummary, 'mirrors'> {
  const mirrors = readMirrors(dir)
  return mirrors.length === 0 ? {} : { mirrors }
}
