// Noisy digits, every arm over ten seeds under three kinds of noise: `npm run ablation`. Broken off, it goes on where it was.
import { join } from 'node:path'
import { capture, environment, must, root, setUp } from './project.mjs'

const ARMS = ['sgd', 'gce', 'two-stage', 'annealed', 'target-ess']
/** Nothing was chosen on these seeds: docs/results.md. */
const [FIRST, LAST] = [300, 309]
/** Plain SGD is at its best learning rate for each kind of noise, found on seeds 0 to 9. */
const CONDITIONS = [
  { title: '30 % asymmetric', name: 'asymmetric-30', params: ['noise=0.3', 'kind=asymmetric'], lr: 0.02 },
  { title: '40 % symmetric', name: 'symmetric-40', params: ['noise=0.4', 'kind=symmetric'], lr: 0.02 },
  { title: 'no noise', name: 'clean', params: ['noise=0'], lr: 0.1 },
]
const absgd = join(root, 'bin', 'absgd.js')
const experiment = join('examples', 'noisy-digits', 'experiment.ts')

setUp()
for (const { name, params, lr } of CONDITIONS) {
  train(name, ['sgd'], [...params, `lr=${lr}`])
  train(name, ARMS.slice(1), params)
}
for (const { title, name } of CONDITIONS) console.log(`\n${title}\n\n${await tableOf(name)}`)

function train(name, arms, params) {
  const prefix = `ablation-${name}`
  const seeds = ['--seeds', `${FIRST}-${LAST}`, '--jobs', '2', '--name', prefix, '--ui', 'plain']
  const given = params.flatMap((param) => ['--param', param])
  must(
    process.execPath,
    [absgd, 'run', experiment, '--arm', arms.join(','), ...seeds, ...given],
    environment(),
  )
}

async function tableOf(name) {
  const runs = ARMS.flatMap((arm) =>
    Array.from({ length: LAST - FIRST + 1 }, (_, i) => `ablation-${name}-${arm}-seed${FIRST + i}`),
  )
  const { code, output } = await capture(process.execPath, [absgd, 'compare', '--json', ...runs])
  if (code !== 0) throw new Error(output)
  const { metrics } = JSON.parse(output)
  const last = (wanted) => metrics.find(({ metric, at }) => metric === wanted && at === 'last')?.arms ?? []
  const auc = last('noise_auc')
  const rows = last('test.accuracy').map(
    ({ name: arm, mean, sd, difference }) =>
      `| \`${arm}\` | ${percent(mean)} ± ${percent(sd)} | ${differenceOf(difference)} | ${aucOf(auc.find((one) => one.name === arm))} |`,
  )
  return ['| arm | accuracy | difference, wins | noise AUC |', '|---|---|---|---|', ...rows].join('\n')
}

function differenceOf(difference) {
  if (difference === null) return ''
  const { mean, interval, wins, pairs } = difference
  const [low, high] = [interval.low, interval.high].map((bound) => percent(bound, '+'))
  return `${percent(mean, '+')} [${low}, ${high}], ${wins}/${pairs}`
}

function aucOf(figures) {
  return typeof figures?.mean === 'number' ? figures.mean.toFixed(3) : ''
}

function percent(share, plus = '') {
  const text = (100 * Math.abs(share)).toFixed(1)
  return `${share < 0 ? '−' : plus}${text}`
}
