/** `npm run demo`: every arm over three seeds, and a table. */
import { AbsgdError, compareRuns, launch, loadExperiment, type RunSummary } from 'absgd'
import { fileURLToPath } from 'node:url'
import { tableLines } from './table.js'

const ARMS = ['sgd', 'gce', 'two-stage', 'annealed']
/** Nothing was chosen on these seeds. */
const SEEDS = [200, 201, 202]
/** Runs at a time, each on one thread. */
const JOBS = 2

const experiment = await loadExperiment(fileURLToPath(new URL('experiment.ts', import.meta.url)))
const jobs = SEEDS.flatMap((seed) => ARMS.map((arm) => ({ arm, seed })))
const total = jobs.length
const results: RunSummary[] = []
const started = performance.now()
let interrupted = false

console.log(
  `noisy digits: 30 % of the training labels are wrong (y → y + 1); ${total} runs, ${JOBS} at a time\n`,
)
await Promise.all(Array.from({ length: JOBS }, work))
const seconds = Math.round((performance.now() - started) / 1000)
if (interrupted) console.log(`\ninterrupted after ${results.length} of ${total} runs`)
if (results.length > 0) for (const line of tableLines(compareRuns(inOrder(results)))) console.log(line)
console.log(`\n${results.length} runs in ${seconds} s; look into one with: npx absgd show RUN`)
process.exitCode = interrupted ? 130 : 0

async function work(): Promise<void> {
  for (let job = jobs.shift(); job !== undefined && !interrupted; job = jobs.shift()) {
    const { arm, seed } = job
    const run = await launch(experiment, { arm, params: { seed }, threads: 1, onSetup: console.log })
    const summary = await run.result
    if (summary.status === 'interrupted') {
      interrupted = true
      return
    }
    if (summary.status !== 'completed') throw new AbsgdError('worker', `${run.name}: ${summary.reason}`)
    results.push(summary)
    const accuracy = (100 * (summary.final['test.accuracy'] ?? NaN)).toFixed(1)
    console.log(`${run.name.padEnd(26)} seed ${seed}  test accuracy ${accuracy} %`)
  }
}

/** The arm that the others are compared to first, whichever run was over first. */
function inOrder(summaries: readonly RunSummary[]): RunSummary[] {
  return ARMS.flatMap((arm) => summaries.filter(({ config }) => config.arm === arm))
}
