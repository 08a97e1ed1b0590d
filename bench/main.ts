/** `npm run bench -- [NAME…]`: runs benchmarks one after the other. Figures on stdout, all else on stderr. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { formatDuration } from '../src/ui/text/format.js'
import { isMet, type Bench } from './figure.js'
import { jsonLine, markdownTable, textTable, type Measured } from './print.js'
import { cockpit } from './cockpit.js'
import { courier } from './courier.js'
import { determinism } from './determinism.js'
import { disk } from './disk.js'
import { gpu } from './gpu.js'
import { ingest } from './ingest.js'
import { loading } from './loading.js'
import { memory } from './memory.js'
import { reportCost } from './report-cost.js'
import { scriptOverhead } from './script-overhead.js'
import { start } from './start.js'
import { drivenOverhead, stepOverhead } from './step-overhead.js'
import { summaries } from './summaries.js'
import { waits } from './waits.js'
import { weights } from './weights.js'

const BENCHES: readonly Bench[] = [
  stepOverhead,
  drivenOverhead,
  scriptOverhead,
  courier,
  reportCost,
  loading,
  weights,
  ingest,
  waits,
  memory,
  cockpit,
  disk,
  summaries,
  start,
  determinism,
  gpu,
]

const HELP = `usage: npm run bench -- [options] [NAME…]

Runs the benchmarks named, or all. Prints a line of JSON a figure, and a table
on stderr.

  --list         says what there is
  --quick        small sizes, to see that a benchmark works
  --markdown     prints a table in Markdown instead of lines of JSON
  --strict       exit code 1 when a budget is missed
  --trackers     report-cost: installs tensorboard and wandb into a folder that
                 is removed afterwards, and measures them, too`

async function main(): Promise<number> {
  const given = parse()
  if (given === undefined) return 2
  const { values, benches } = given
  if (values.help) console.log(HELP)
  else if (values.list) for (const { name, about } of BENCHES) console.log(`${name.padEnd(14)} ${about}`)
  else return run(benches, values)
  return 0
}

interface Values {
  readonly quick: boolean
  readonly markdown: boolean
  readonly strict: boolean
  readonly trackers: boolean
}

async function run(benches: readonly Bench[], values: Values): Promise<number> {
  const measured: Measured[] = []
  let failed = false
  let interrupted = false
  // Its own run, if one trains, ends by the same signal; no other benchmark follows.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => (interrupted = true))
  for (const bench of benches) {
    const folder = mkdtempSync(join(tmpdir(), 'absgd-bench-'))
    const started = performance.now()
    try {
      const figures = await bench.run({ ...values, python: PYTHON, folder })
      for (const figure of figures) {
        measured.push({ bench: bench.name, figure })
        if (!values.markdown) console.log(jsonLine({ bench: bench.name, figure }))
      }
      console.error(`${bench.name}: ${formatDuration((performance.now() - started) / 1000)}`)
    } catch (error) {
      failed = true
      if (!interrupted) console.error(`${bench.name} failed:`, error)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
    if (interrupted) break
  }
  if (interrupted) return INTERRUPTED
  if (values.markdown) console.log(markdownTable(measured).join('\n'))
  console.error(`\n${textTable(measured, process.stderr.columns || 120).join('\n')}`)
  const missed = measured.some(({ figure }) => isMet(figure) === false)
  return failed || (missed && values.strict) ? 1 : 0
}

function parse() {
  try {
    const { values, positionals } = parseArgs({ allowPositionals: true, options: OPTIONS })
    const unknown = positionals.find((name) => !BENCHES.some((bench) => bench.name === name))
    if (unknown !== undefined)
      throw new Error(`there is no benchmark "${unknown}": --list says what there is`)
    return {
      values,
      benches: BENCHES.filter(({ name }) => positionals.length === 0 || positionals.includes(name)),
    }
  } catch (error) {
    console.error(`bench: ${(error as Error).message}\n\n${HELP}`)
    return undefined
  }
}

const INTERRUPTED = 130
const flag = { type: 'boolean', default: false } as const
const OPTIONS = {
  help: { ...flag, short: 'h' },
  list: flag,
  quick: flag,
  markdown: flag,
  strict: flag,
  trackers: flag,
} as const
const PYTHON = process.env['ABSGD_PYTHON'] ?? fileURLToPath(new URL('../.venv/bin/python', import.meta.url))

process.exitCode = await main()
