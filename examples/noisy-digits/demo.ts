/** `npm run demo`: every arm over three seeds, and a table. */
import { launch, loadExperiment, AbsgdError, type RunSummary } from 'absgd'
import { fileURLToPath } from 'node:url'
import { printTable, type Result } from './table.js'

const ARMS = ['sgd', 'gce', 'two-stage', 'annealed']
/** Nothing was chosen on these seeds. */
const SEEDS = [200, 201, 202]
/** Runs at a time, each on one thread. */
const JOBS = 2

const experiment = await loadExperiment(fileURLToPath(new URL('experiment.ts', import.meta.url)))
const jobs = SEEDS.flatMap((seed) => ARMS.map((arm) => ({ arm, seed })))
const total = jobs.length
const results: Result[] = []
const started = performance.now()
let interrupted = false

console.log(
  `noisy digits: 30 % of the training labels are wrong (y → y + 1); ${total} runs, ${JOBS} at a time\n`,
)
await Promise.all(Array.from({ length: JOBS }, work))
const seconds = Math.round((performance.now() - started) / 1000)
if (interrupted) console.log(`\ninterrupted after ${results.length} of ${total} runs`)
printTable(results, ARMS)
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
    const result = { arm, seed, ...figures(summary) }
    results.push(result)
    console.log(`${run.name.padEnd(26)} seed ${seed}  test accuracy ${(100 * result.last).toFixed(1)} %`)
  }
}

function figures({ final, best }: RunSummary): Omit<Result, 'arm' | 'seed'> {
  return {
    last: final['test.accuracy'] ?? NaN,
    best: best?.metrics['test.accuracy'] ?? NaN,
    worstClass: final['test.worst_class_accuracy'] ?? NaN,
    noiseAuc: final['noise_auc'] ?? NaN,
  }
}
