/** `absgd compare`: compares the arms of existing runs. */
import { Command } from 'commander'
import { AbsgdError } from '../../errors.js'
import { runsRoot } from '../../log/run-directory.js'
import { nearest } from '../../utils/nearest.js'
import { selectRuns } from '../../log/select-runs.js'
import { readRunSummary } from '../../log/run-summary.js'
import { comparisonLines } from '../../ui/lines/comparison.js'
import { jsonText } from '../../ui/lines/json.js'
import type { RunSummary } from '../../history/summarize-run.js'
import { compareRuns, type Comparison } from '../../statistics/compare-runs.js'
import { commaSeparated } from '../options.js'
import { toStdout, type Print } from '../output/print.js'

interface CompareFlags {
  readonly metric?: readonly string[]
  readonly baseline?: string
  readonly runs?: string
  readonly json?: true
}

export function compareCommand(print: Print = toStdout): Command {
  return new Command('compare')
    .description('show mean ± sd of every metric by arm, and paired differences')
    .argument('<run...>', 'runs by name, directory, pattern ("digits-*") or experiment')
    .option('--metric <names>', 'these alone, separated by commas', commaSeparated)
    .option('--baseline <arm>', 'arm that differences are to (default: of the first run)')
    .option('--runs <dir>', 'folder of runs (default: $ABSGD_RUNS, else ./runs)')
    .option('--json', 'print the comparison as one JSON object')
    .addHelpText('after', WHAT)
    .action((selectors: string[], flags: CompareFlags) => compare(selectors, flags, print))
}

async function compare(selectors: readonly string[], flags: CompareFlags, print: Print): Promise<void> {
  const summaries: RunSummary[] = []
  for (const dir of selectRuns(runsRoot(flags.runs), selectors)) {
    summaries.push(await readRunSummary(dir))
  }
  requireCompleted(summaries)
  const comparison = compareRuns(summaries, flags.baseline === undefined ? {} : { baseline: flags.baseline })
  requireMetrics(comparison, flags.metric ?? [])
  if (flags.json === true) {
    const chosen = comparison.metrics.filter(({ metric }) => flags.metric?.includes(metric) ?? true)
    print(jsonText({ type: 'comparison', ...comparison, metrics: chosen }))
    return
  }
  for (const line of comparisonLines(comparison, { metrics: flags.metric })) print(line)
}

function requireCompleted(summaries: readonly RunSummary[]): void {
  if (summaries.some(({ status }) => status === 'completed')) return
  const states = summaries.map(({ run, status }) => `${run} is ${status}`)
  const more = states.length > NAMED ? `, and ${states.length - NAMED} more` : ''
  throw new AbsgdError('run-directory', 'none of these runs is completed: there is nothing to compare', {
    hint: `${states.slice(0, NAMED).join(', ')}${more}; "absgd resume RUN" goes on with one`,
  })
}

function requireMetrics({ metrics }: Comparison, asked: readonly string[]): void {
  const known = [...new Set(metrics.map(({ metric }) => metric))]
  for (const name of asked) {
    if (known.includes(name)) continue
    const near = nearest(name, known)
    throw new AbsgdError('usage', `no completed run has the metric "${name}"`, {
      hint: near.length > 0 ? `did you mean ${near.join(', ')}?` : `there are: ${known.join(', ')}`,
    })
  }
}

const NAMED = 5
const WHAT = `
Completed runs are grouped by experiment, arm and parameters, and paired by the
parameter "seed". "last" is after the last step, "at best" after the step that
was best by the objective. An interval takes three pairs. The larger value wins;
the lower one for the objective to be minimized and for names with "loss" or
"error" in them. Numbers about the weights (train.ess_ratio, …) are shown with
--metric.`
