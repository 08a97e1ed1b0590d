/** `absgd what-if`: shows the weights that another lambda would give to a run's last losses. */
import { Command, Option } from 'commander'
import { nearest } from '../../utils/nearest.js'
import { AbsgdError } from '../../errors.js'
import { runsRoot } from '../../log/run-directory.js'
import { selectRun } from '../../log/select-runs.js'
import { readRecentLosses } from '../../analysis/recent-losses.js'
import { checkCandidate, weighAnew, type Candidate } from '../../analysis/try-lambdas.js'
import { jsonText } from '../../ui/lines/json.js'
import { WIDTH } from '../../ui/text/layout.js'
import { outcomeHead } from '../../ui/lines/outcomes.js'
import { whatIfLines } from '../../ui/lines/what-if.js'
import { positiveInteger } from '../options.js'
import { toStdout, type Print } from '../output/print.js'

interface WhatIfOptions {
  readonly sign?: '+' | '-'
  readonly steps?: number
  readonly runs?: string
  readonly json?: true
}

export function whatIfCommand(print: Print = toStdout): Command {
  return new Command('what-if')
    .description('show the weights of the last losses of a run at another lambda; trains nothing')
    .argument('<run>', 'name of a run, live or finished, or its directory')
    .argument('<values...>', 'lambda=-2, lambda=-2,-1,off, ess=0.6, kl=0.5')
    .addOption(
      new Option(
        '--sign <sign>',
        'of the lambda for ess and kl (default: of the lambda applied, - if off)',
      ).choices(['+', '-']),
    )
    .option('--steps <n>', 'of the last n steps that recorded samples (default: 64)', positiveInteger)
    .option('--runs <dir>', 'folder of runs (default: $ABSGD_RUNS, else ./runs)')
    .option('--json', 'print one JSON object')
    .addHelpText('after', WHAT)
    .action((run: string, texts: readonly string[], options: WhatIfOptions) =>
      answer(run, texts, options, print),
    )
}

async function answer(
  nameOrPath: string,
  texts: readonly string[],
  { sign, steps, runs, json }: WhatIfOptions,
  print: Print,
): Promise<void> {
  const candidates = texts.flatMap(parseCandidates)
  const recent = await readRecentLosses(selectRun(runsRoot(runs), nameOrPath), steps)
  const signOf = sign === undefined ? undefined : sign === '+' ? 1 : -1
  const { now, outcomes, losses } = weighAnew(
    recent,
    candidates.map(({ candidate }) => candidate),
    signOf,
  )
  const asked = candidates.map(({ text }, i) => ({ asked: text, outcome: outcomes[i]! }))
  const { summary } = recent.view
  if (json !== true) {
    const width = process.stdout.isTTY ? Math.max(WIDTH, process.stdout.columns) : WIDTH
    for (const line of whatIfLines({ summary, losses, now, asked }, width)) print(line)
    return
  }
  const answers = asked.map(({ asked: text, outcome }) => ({ asked: text, ...outcome }))
  print(jsonText({ ...outcomeHead(summary, losses, now), candidates: answers }))
}

/** `lambda=-2,-1` gives two candidates. */
function parseCandidates(text: string): { text: string; candidate: Candidate }[] {
  const [, key = '', values = ''] = /^\s*(\w+)\s*=(.*)$/s.exec(text) ?? []
  return values.split(',').map((part) => {
    const value = part.trim()
    const candidate = candidateOf(key, key === 'lambda' && value === 'off' ? Infinity : toNumber(value))
    if (candidate === undefined) throw unreadable(text, key)
    checkCandidate(candidate)
    return { text: `${key}=${value}`, candidate }
  })
}

function candidateOf(key: string, value: number | undefined): Candidate | undefined {
  if (value === undefined) return undefined
  switch (key) {
    case 'lambda':
      return { lambda: value }
    case 'ess':
      return { ess: value }
    case 'kl':
      return { kl: value }
    default:
      return undefined
  }
}

function toNumber(text: string): number | undefined {
  const value = Number(text)
  return text === '' || Number.isNaN(value) ? undefined : value
}

function unreadable(text: string, key: string): AbsgdError {
  const [near] = KEYS.includes(key) ? [] : nearest(key, KEYS)
  const guess = near === undefined ? '' : ` (did you mean "${near}"?)`
  return new AbsgdError('usage', `"${text}" is not a candidate${guess}`, {
    hint: 'give lambda=NUMBER, lambda=off, ess=RATIO or kl=NATS; separate several values by commas: lambda=-2,-1 ess=0.6',
  })
}

const KEYS = ['lambda', 'ess', 'kl']

const WHAT = `
Each batch is weighed on its own, as with gamma 1; gamma moves the sum of the
weights alone. Beside the candidates stands the lambda now applied. ess and kl
look for the lambda at which the mean over the batches of the effective sample
size / batch size, or of the KL divergence from even weights, is the value.`
