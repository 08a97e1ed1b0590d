/** `absgd suggest`: suggests a lambda by the distribution of a run's last losses. */
import { Command, InvalidArgumentError } from 'commander'
import { runsRoot } from '../../log/run-directory.js'
import { selectRun } from '../../log/select-runs.js'
import { readRecentLosses } from '../../analysis/recent-losses.js'
import { suggestFrom } from '../../analysis/suggest-lambda.js'
import { jsonText } from '../../ui/lines/json.js'
import { WIDTH } from '../../ui/text/layout.js'
import { outcomeHead } from '../../ui/lines/outcomes.js'
import { adviceOf, suggestLines } from '../../ui/lines/suggest.js'
import { positiveInteger } from '../options.js'
import { toStdout, type Print } from '../output/print.js'

interface SuggestOptions {
  readonly wrong?: number
  readonly steps?: number
  readonly runs?: string
  readonly json?: true
}

export function suggestCommand(print: Print = toStdout): Command {
  return new Command('suggest')
    .description('suggest a lambda for the losses of a run; trains nothing')
    .argument('<run>', 'name of a run, live or finished, or its directory')
    .option('--wrong <share>', 'guess of the share of wrong labels: 0.3 (default: where known)', share)
    .option('--steps <n>', 'of the last n steps that recorded samples (default: 64)', positiveInteger)
    .option('--runs <dir>', 'folder of runs (default: $ABSGD_RUNS, else ./runs)')
    .option('--json', 'print one JSON object')
    .action((run: string, options: SuggestOptions) => answer(run, options, print))
}

async function answer(
  nameOrPath: string,
  { wrong, steps, runs, json }: SuggestOptions,
  print: Print,
): Promise<void> {
  const recent = await readRecentLosses(selectRun(runsRoot(runs), nameOrPath), steps)
  const { now, suggestions, forWrong, losses } = suggestFrom(recent, wrong)
  const { summary } = recent.view
  if (json !== true) {
    const width = process.stdout.isTTY ? Math.max(WIDTH, process.stdout.columns) : WIDTH
    for (const line of suggestLines({ summary, losses, now, suggestions, forWrong }, width)) print(line)
    return
  }
  print(
    jsonText({
      ...outcomeHead(summary, losses, now),
      suggestions: suggestions.map((one) => ({ ...one, outcome: one.outcome ?? null })),
      forWrong:
        forWrong === undefined
          ? null
          : { ...forWrong, outcome: forWrong.outcome ?? null, unbounded: forWrong.unbounded ?? null },
      advice: adviceOf({ forWrong }),
    }),
  )
}

function share(text: string): number {
  const value = Number(text)
  if (text.trim() !== '' && value > 0 && value < 1) return value
  throw new InvalidArgumentError(
    'Give a number above 0 and below 1: 0.3 means that 3 of 10 labels are wrong.',
  )
}
