// Noisy digits, every arm over ten seeds under three kinds of noise.
import { join } from 'node:path'
import { markdown, tableOf } from './markdown.mjs'
import { compare, runName, train } from './runs.mjs'

const ARMS = ['sgd', 'gce', 'two-stage', 'annealed', 'target-ess']
/** Plain SGD is at its best learning rate for each kind of noise, found on seeds 0 to 9. */
const CONDITIONS = [
  { title: '30 % asymmetric', name: 'asymmetric-30', params: ['noise=0.3', 'kind=asymmetric'], lr: 0.02 },
  { title: '40 % symmetric', name: 'symmetric-40', params: ['noise=0.4', 'kind=symmetric'], lr: 0.02 },
  { title: 'no noise', name: 'clean', params: ['noise=0'], lr: 0.1 },
]
const FIGURES = [
  { title: 'accuracy', metric: 'test.accuracy' },
  { title: 'noise AUC', metric: 'noise_auc' },
]

/** Trains what is not trained yet, then prints one table per kind of noise. */
export async function noisyDigits({ seeds, jobs }) {
  for (const { name, params, lr } of CONDITIONS) {
    trainArms(name, ['sgd'], [...params, `lr=${lr}`], seeds, jobs)
    trainArms(name, ARMS.slice(1), params, seeds, jobs)
  }
  for (const { title, name } of CONDITIONS) {
    const runs = ARMS.flatMap((arm) => seeds.map((seed) => runName(`ablation-${name}`, arm, seed)))
    const { head, rows } = tableOf({ arms: ARMS, figures: FIGURES, of: await compare(runs) })
    console.log(`\n${title}\n\n${markdown(['arm', ...head], rows)}`)
  }
}

function trainArms(name, arms, params, seeds, jobs) {
  const experiment = join('examples', 'noisy-digits', 'experiment.ts')
  train({ experiment, prefix: `ablation-${name}`, arms, seeds, params, jobs })
}
