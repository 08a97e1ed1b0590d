// What the table compares: data sets, each with its arms, its figures and the learning rates that are tried.
import { join } from 'node:path'

const examples = (name) => join('examples', name, 'experiment.ts')
const CLEAN_LABELS = ['sgd', 'gce', 'gce-annealed', 'two-stage', 'annealed', 'recipe']
const WRONG_LABELS = [...CLEAN_LABELS, 'recipe-told']
const RARE_CLASSES = [
  'sgd',
  'focal',
  'class-weights',
  'balanced-softmax',
  'lambda-1',
  'annealed-up',
  'recipe-rare',
]
const RARE_GROUP = ['plain', 'class-weights', 'focal', 'lambda-1', 'annealed-up', 'recipe']

const ACCURACY = { title: 'accuracy', metric: 'test.accuracy' }
const WORST_CLASS = { title: 'worst class', metric: 'test.worst_class_accuracy' }
const NOISE_AUC = { title: 'noise AUC', metric: 'noise_auc' }

/** The first figure is the one that differences and learning rates are about. */
function fashion(name, title, params, arms = WRONG_LABELS, figures = [ACCURACY, WORST_CLASS, NOISE_AUC]) {
  const experiment = examples('fashion-mnist')
  return {
    name,
    title: `Fashion-MNIST, ${title}`,
    experiment,
    params,
    arms,
    figures,
    rates: [0.025, 0.05, 0.1, 0.2],
  }
}

const wrongLabels = (kind, noise) =>
  fashion(
    `fashion-${kind}-${100 * noise}`,
    kind === 'symmetric'
      ? `${100 * noise} % symmetric noise`
      : `${100 * noise} % asymmetric noise in five of the ten classes, ${50 * noise} % of all labels`,
    [`kind=${kind}`, `noise=${noise}`],
  )

export const CONDITIONS = [
  fashion('fashion-clean', 'clean', [], CLEAN_LABELS, [ACCURACY, WORST_CLASS]),
  wrongLabels('symmetric', 0.2),
  wrongLabels('symmetric', 0.4),
  wrongLabels('asymmetric', 0.2),
  wrongLabels('asymmetric', 0.4),
  fashion('fashion-long-tail', 'long tail 1:50', ['imbalance=0.02'], RARE_CLASSES, [ACCURACY, WORST_CLASS]),
  {
    name: 'digits-asymmetric-30',
    title: 'Noisy digits, 30 % asymmetric noise',
    experiment: examples('noisy-digits'),
    params: [],
    arms: [...WRONG_LABELS, 'not-normalised'],
    figures: [ACCURACY, WORST_CLASS, NOISE_AUC],
    rates: [0.02, 0.05, 0.1],
  },
  {
    name: 'hidden-subgroup',
    title: 'Hidden subgroup',
    experiment: examples('hidden-subgroup'),
    params: [],
    arms: RARE_GROUP,
    figures: [{ title: 'worst digit', metric: 'test.worst_digit' }, ACCURACY],
    rates: [0.1, 0.2, 0.5, 1, 2],
  },
]

/** Clean data: an arm that loses more than this to plain SGD in the mean is named. Share of the test samples. */
export const CLEAN = { condition: 'fashion-clean', arm: 'recipe', margin: 0.005 }

/** The conditions whose names are given, or all of them, each with those of its arms that are given. */
export function chosen(names, arms) {
  const known = CONDITIONS.map(({ name }) => name)
  const wrong = names?.find((name) => !known.includes(name))
  if (wrong !== undefined) throw new Error(`there is no condition ${wrong}: choose from ${known.join(', ')}`)
  return CONDITIONS.filter(({ name }) => names === undefined || names.includes(name))
    .map((condition) => ({
      ...condition,
      arms: condition.arms.filter((arm) => arms === undefined || arms.includes(arm)),
    }))
    .filter(({ arms }) => arms.length > 0)
}
