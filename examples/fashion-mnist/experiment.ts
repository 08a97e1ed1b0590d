/** Fashion-MNIST with wrong labels or a long tail: the arms of the table that `npm run ablation -- --table` prints. */
import {
  constant,
  cosine,
  defineExperiment,
  epochs,
  every,
  exponential,
  join,
  off,
  recipe,
  twoStage,
} from 'absgd'
import { z } from 'zod'

/** λ is off while the network learns what most labels agree on; then |λ| falls. Chosen on seed 1. */
const OFF = epochs(5)
const ANNEALED = epochs(5)

export default defineExperiment({
  name: 'fashion-mnist',
  worker: { task: 'task.py:build' },
  params: z.object({
    seed: z.number().int().default(0),
    /** Share of wrong labels: of all classes, or of the five confused ones if it is asymmetric. */
    noise: z.number().min(0).max(0.9).default(0),
    kind: z.enum(['asymmetric', 'symmetric']).default('symmetric'),
    /** Samples of the rarest class to those of the most frequent one. */
    imbalance: z.number().min(0.001).max(1).default(1),
    loss: z
      .enum(['cross-entropy', 'generalised', 'focal', 'class-weighted', 'balanced-softmax'])
      .default('cross-entropy'),
    train: z.number().int().min(10).default(2048),
    validation: z.number().int().min(1).default(1000),
    epochs: z.number().int().min(1).default(20),
    batchSize: z.number().int().min(1).default(64),
    lr: z.number().positive().default(0.05),
    /** λ by the recipe that is told the share of wrong labels. */
    told: z.boolean().default(false),
  }),
  length: ({ params }) => epochs(params.epochs),
  evaluate: every(epochs(10)),
  checkpoint: 'end',
  objective: { metric: 'val.accuracy', goal: 'maximize' },
  controls: ({ params }) => ({
    lambda:
      params.told && params.noise > 0
        ? recipe('wrong-labels', { wrong: params.kind === 'symmetric' ? params.noise : params.noise / 2 })
        : off(),
    gamma: 0.9,
    lr: cosine({ init: params.lr, over: epochs(params.epochs) }),
  }),
  arms: {
    sgd: {},
    gce: { params: { loss: 'generalised' } },
    // The weights of `annealed`, not normalised: q = -1/λ, from 0.2 to 1, the largest that the published loss has.
    'gce-annealed': {
      params: { loss: 'generalised' },
      controls: { q: join(constant(0).for(OFF), exponential({ init: 0.2, end: 1, over: ANNEALED })) },
    },
    'two-stage': { controls: { lambda: twoStage({ off: epochs(7), lambda: -1 }) } },
    annealed: {
      controls: { lambda: join(off().for(OFF), exponential({ init: -5, end: -1, over: ANNEALED })) },
    },
    recipe: { controls: { lambda: recipe('wrong-labels') } },
    'recipe-told': { params: { told: true } },
    // For rare classes.
    focal: { params: { loss: 'focal' } },
    'class-weights': { params: { loss: 'class-weighted' } },
    'balanced-softmax': { params: { loss: 'balanced-softmax' } },
    'lambda-1': { controls: { lambda: 1 } },
    'annealed-up': {
      controls: { lambda: join(off().for(OFF), exponential({ init: 5, end: 1, over: ANNEALED })) },
    },
    'recipe-rare': { controls: { lambda: recipe('rare-groups') } },
  },
})
