/** `absgd ls`: lists the runs, one line each. */
import { basename } from 'node:path'
import { Command } from 'commander'
import { toAbsgdError } from '../../errors.js'
import { listOtherFolders, listRuns, runsRoot, type OtherFolder } from '../../log/run-directory.js'
import { readRunSummary } from '../../log/run-summary.js'
import { formatAge, formatCount, formatNumber } from '../../ui/text/format.js'
import { jsonText } from '../../ui/lines/json.js'
import { table, WIDTH, wrap, type Column } from '../../ui/text/layout.js'
import { nonFiniteInWords } from '../../ui/lines/non-finite.js'
import { sanitize } from '../../ui/text/sanitize.js'
import { damageInWords, statusInWords } from '../../ui/text/wording.js'
import type { RunSummary } from '../../history/summarize-run.js'
import { toStdout, type Print } from '../output/print.js'

interface LsOptions {
  readonly runs?: string
  readonly json?: true
}

/** A run directory whose manifest and log cannot be read. */
interface Unreadable {
  readonly run: string
  readonly dir: string
  readonly status: 'unreadable'
  readonly reason: string
}

type Entry = RunSummary | Unreadable

export function lsCommand(print: Print = toStdout): Command {
  return new Command('ls')
    .description('list runs, the newest first')
    .option('--runs <dir>', 'folder of runs (default: $ABSGD_RUNS, else ./runs)')
    .option('--json', 'print an array of what "absgd show --json" prints')
    .action((options: LsOptions) => ls(options, print))
}

async function ls(options: LsOptions, print: Print): Promise<void> {
  const root = runsRoot(options.runs)
  const entries: Entry[] = []
  for (const dir of listRuns(root)) entries.push(await entryOf(dir))
  const lines =
    options.json === true ? [jsonText(entries)] : linesOf(entries, listOtherFolders(root), root, Date.now())
  for (const line of lines) print(line)
}

async function entryOf(dir: string): Promise<Entry> {
  try {
    return await readRunSummary(dir)
  } catch (thrown) {
    return {
      run: basename(dir),
      dir,
      status: 'unreadable',
      reason: toAbsgdError(thrown, 'run-directory').message,
    }
  }
}

function linesOf(
  entries: readonly Entry[],
  others: readonly OtherFolder[],
  root: string,
  nowMs: number,
): string[] {
  const notRuns = otherLines(others)
  if (entries.length === 0) {
    return [`no runs in ${root}: "absgd run experiment.ts" trains one`, ...notRuns]
  }
  const width = process.stdout.isTTY ? Math.max(WIDTH, process.stdout.columns) : WIDTH
  const rows = entries.map((entry) => cellsOf(entry, nowMs).map(sanitize))
  const problems = entries.flatMap((entry) =>
    problemsOf(entry).map((problem) => `* ${entry.run}: ${problem}`),
  )
  return [
    ...table(COLUMNS, rows, width),
    ...problems.flatMap((problem) => wrap(sanitize(problem), { width, hanging: '  ' })),
    ...notRuns,
  ]
}

/** Lines about folders that are no runs: a run without its files, or a copy with a name that no run may have. */
function otherLines(others: readonly OtherFolder[]): string[] {
  const names = (reason: OtherFolder['reason']) =>
    others.filter((other) => other.reason === reason).map(({ name }) => name)
  const say = (found: readonly string[], what: string) => {
    const more = found.length > NAMED ? ` and ${found.length - NAMED} more` : ''
    const text = `${found.slice(0, NAMED).join(', ')}${more}: ${what}`
    return found.length === 0 ? [] : wrap(sanitize(text), { hanging: '  ' })
  }
  return [
    ...say(names('no-files-of-a-run'), 'no run (neither manifest.json nor steps.log is there)'),
    ...say(names('name'), 'not listed, as a run cannot have this name: rename it to letters, digits, . _ -'),
  ]
}

function cellsOf(entry: Entry, nowMs: number): string[] {
  if (entry.status === 'unreadable') return [entry.run, '', 'unreadable *', '', '', '']
  const { run, config, steps, runSteps, createdAt } = entry
  const trained = config.arm === undefined ? config.experiment : `${config.experiment}/${config.arm}`
  const experiment = config.simulated === true ? `simulated: ${trained}` : trained
  const status = `${statusInWords(entry)}${problemsOf(entry).length === 0 ? '' : ' *'}`
  const progress = runSteps === null ? formatCount(steps) : `${formatCount(steps)}/${formatCount(runSteps)}`
  const age = formatAge((nowMs - Date.parse(createdAt)) / 1000)
  return [run, experiment, status, progress, age, figureOf(entry)]
}

/** The best value of the objective; without one its latest value; else the loss. */
function figureOf({ best, final, config: { objective } }: RunSummary): string {
  if (best !== null) return `${formatNumber(best.value)} ${best.metric}`
  const names = [objective?.metric, 'train.loss'].filter((name) => name !== undefined)
  const name = names.find((one) => final[one] !== undefined)
  return name === undefined ? '' : `${formatNumber(final[name]!)} ${name}`
}

function problemsOf(entry: Entry): string[] {
  if (entry.status === 'unreadable') return [entry.reason]
  const { damage = [], nonFinite = [] } = entry
  const broken = nonFiniteInWords(nonFinite.filter(({ now }) => now))
  const more = broken.length > 1 ? `; and ${formatCount(broken.length - 1)} more` : ''
  return [
    ...damage.map(damageInWords),
    ...broken.slice(0, 1).map((text) => `NaN or infinite: ${text}${more}`),
  ]
}

const COLUMNS: readonly Column[] = [
  // Other commands take the name, so it is cut last, and in the middle: names of a set of runs differ at the end.
  { title: 'RUN', shrinkTo: 28, keeps: 'both-ends' },
  { title: 'EXPERIMENT', shrinkTo: 6 },
  { title: 'STATUS' },
  { title: 'STEPS', align: 'right' },
  { title: 'AGE', align: 'right' },
  // The number is at the beginning.
  { title: 'BEST OR LAST', shrinkTo: 6 },
]

/** Most folders that a line names. */
const NAMED = 5
