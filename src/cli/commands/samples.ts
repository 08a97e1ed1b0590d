/** `absgd samples`: finds training samples that are hard, and probably labelled wrong. */
import { once } from 'node:events'
import { Command, Option } from 'commander'
import { runsRoot } from '../../log/run-directory.js'
import { selectRun } from '../../log/select-runs.js'
import {
  namedSamples,
  rankedSuspects,
  readSamples,
  type NamedSuspect,
  type SampleReading,
} from '../../analysis/find-suspects.js'
import { reviewRows, stratumOfRow } from '../../analysis/review-rows.js'
import { AbsgdError } from '../../errors.js'
import { jsonText } from '../../ui/lines/json.js'
import { WIDTH } from '../../ui/text/layout.js'
import { notesOf, overviewLines, type SamplePage } from '../../ui/lines/samples.js'
import { sanitize } from '../../ui/text/sanitize.js'
import { suspectLines } from '../../ui/lines/suspects.js'
import { csvHeader, csvRows } from '../../ui/lines/suspects-csv.js'
import type { RunView } from '../../log/run-view.js'
import type { SampleLosses } from '../../samples/sample-losses.js'
import { overviewOf } from '../../samples/sample-overview.js'
import { positiveInteger, wholeNumber } from '../options.js'
import { toStdout, type Print } from '../output/print.js'

interface SamplesOptions {
  readonly suspects?: number | true
  readonly class?: number
  readonly mix?: number
  readonly runs?: string
  readonly csv?: true
  readonly json?: true
}

export function samplesCommand(print: Print = toStdout): Command {
  return new Command('samples')
    .description('find the samples that are hard, and probably labelled wrong')
    .argument('<run>', 'name of a run, live or finished, or its directory')
    .option('--suspects [n]', 'the n samples with the largest mean loss (n: 50)', positiveInteger)
    .option('--class <label>', 'only samples with this label', wholeNumber)
    .option('--runs <dir>', 'folder of runs (default: $ABSGD_RUNS, else ./runs)')
    .addOption(
      new Option(
        '--csv',
        'print CSV with a column to write decisions into (absgd review), every sample unless --suspects says how many',
      ).conflicts('json'),
    )
    .addOption(
      new Option(
        '--mix <n>',
        'with --csv --suspects: n random samples that are no suspects among them, unmarked, in random order',
      ).argParser(positiveInteger),
    )
    .option('--json', 'print one JSON object')
    .action((run: string, options: SamplesOptions) => samples(run, options, print))
}

async function samples(nameOrPath: string, options: SamplesOptions, print: Print): Promise<void> {
  const dir = selectRun(runsRoot(options.runs), nameOrPath)
  const { view, losses } = await readSamples(dir, options.class)
  const asked = options.suspects === true ? SUSPECTS : options.suspects
  if (options.mix !== undefined && (options.csv !== true || asked === undefined))
    throw new AbsgdError('usage', '--mix is for a review: --suspects and --csv must be given with it', {
      hint: `absgd samples ${nameOrPath} --suspects 500 --mix ${options.mix} --csv > review.csv`,
    })
  if (options.csv === true)
    return printCsv(dir, { view, losses }, { ...options, suspects: asked ?? losses.size }, print)

  const suspects: NamedSuspect[] = []
  for await (const block of rankedSuspects(dir, losses, asked ?? 0))
    for (const one of block) suspects.push(one)
  const { summary, snapshot } = view
  const page: SamplePage = { summary, snapshot, losses, overview: overviewOf(losses), label: options.class }
  if (options.json === true) print(jsonOf(page, asked === undefined ? undefined : suspects))
  else for (const line of linesOf(page, asked === undefined ? undefined : suspects)) print(line)
}

function linesOf(page: SamplePage, suspects: readonly NamedSuspect[] | undefined): string[] {
  if (suspects === undefined) return overviewLines(page)
  const width = process.stdout.isTTY ? Math.max(WIDTH, process.stdout.columns) : WIDTH
  return suspectLines(page, suspects, width)
}

function jsonOf(page: SamplePage, suspects: readonly NamedSuspect[] | undefined): string {
  const { run, dir, status, steps, epochs, damage = [] } = page.summary
  const { overview, label = null } = page
  const notes = notesOf(page)
  return jsonText({
    run,
    dir,
    status,
    steps,
    epochs,
    label,
    notes,
    damage,
    ...overview,
    ...(suspects === undefined ? {} : { suspects }),
  })
}

/** Prints blocks and waits for slow readers: a million samples are 100 MB of text. */
async function printCsv(
  dir: string,
  { view, losses }: SampleReading,
  { suspects, mix = 0, class: label }: { suspects: number; mix?: number; class?: number },
  print: Print,
): Promise<void> {
  const chosen = reviewRows(losses, { suspects, mix, label })
  const sheet = { run: view.manifest.run, samples: samplesOf(view, losses), drawn: chosen.drawn }
  const isBlind = mix > 0
  print(csvHeader({ isBlind }))
  let done = 0
  for await (const block of namedSamples(dir, losses, chosen.indices)) {
    for (let first = 0; first < block.length; first += ROWS) {
      const rows = block.slice(first, first + ROWS).map(printable)
      const strata = rows.map((_, i) => stratumOfRow(chosen, done + i))
      print(csvRows(rows, { sheet, strata, isBlind }))
      done += rows.length
      if (process.stdout.writableNeedDrain) await once(process.stdout, 'drain')
    }
  }
}

/** The size of the data set: `60000`; `59998+` if only the samples that were seen are known. */
function samplesOf({ snapshot: { worker } }: RunView, { size }: SampleLosses): string {
  const known = ('hello' in worker ? worker.hello?.datasetSize : undefined) ?? 0
  return known >= size ? String(known) : `${size}+`
}

/** Sanitizes ids for a terminal. Files get them unchanged. */
function printable(suspect: NamedSuspect): NamedSuspect {
  return process.stdout.isTTY && suspect.id !== undefined ? { ...suspect, id: sanitize(suspect.id) } : suspect
}

const SUSPECTS = 50
/** Rows printed at a time. */
const ROWS = 4096
