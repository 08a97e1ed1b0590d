// Ablations: `npm run ablation` for noisy digits, `npm run ablation -- --table` for the table of all data sets, `-- --tune` for the
// learning rates of that table. Broken off, each goes on where it was.
import { parseArgs } from 'node:util'
import { chosen } from './ablation/conditions.mjs'
import { missingFashion } from './ablation/fashion-mnist.mjs'
import { tune } from './ablation/learning-rates.mjs'
import { noisyDigits } from './ablation/noisy-digits.mjs'
import { seedsOf } from './ablation/runs.mjs'
import { table } from './ablation/table.mjs'
import { setUp } from './project.mjs'

const USAGE = `npm run ablation                noisy digits under three kinds of noise
npm run ablation -- --table     every arm on every data set, as Markdown
npm run ablation -- --tune      the learning rates of that table, into scripts/ablation/learning-rates.json

  --seeds FIRST-LAST   default: 300-309, with --table 100-109, with --tune 0-2
  --jobs N             runs at a time, each on one thread; default: 2
  --only A,B           some of the data sets of --table and --tune
  --arms A,B           some of the arms of --tune and --table`

const { values } = parseArgs({
  options: {
    table: { type: 'boolean', default: false },
    tune: { type: 'boolean', default: false },
    seeds: { type: 'string' },
    jobs: { type: 'string', default: '2' },
    only: { type: 'string' },
    arms: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) console.log(USAGE)
else await main().catch(({ message }) => fail(message))

async function main() {
  const jobs = Number(values.jobs)
  if (!Number.isInteger(jobs) || jobs < 1)
    throw new Error(`--jobs is a whole number from 1, not ${values.jobs}`)
  const seeds = (usual) => seedsOf(values.seeds ?? usual)
  if (!values.table && !values.tune) {
    setUp()
    return noisyDigits({ seeds: seeds('300-309'), jobs })
  }
  const conditions = chosen(values.only?.split(','), values.arms?.split(','))
  const missing = conditions.some(({ name }) => name.startsWith('fashion')) ? missingFashion() : undefined
  if (missing !== undefined) throw new Error(missing)
  setUp()
  if (values.tune) await tune({ conditions, seeds: seeds('0-2'), jobs })
  if (values.table) await table({ conditions, seeds: seeds('100-109'), jobs })
}

function fail(message) {
  console.error(message)
  process.exitCode = 1
}
