/** Fashion-MNIST with wrong labels or a long tail: the arms of the table that `npm run ablation -- --table` prints. */
import {
  bound,
  constant,
  cosine,
  defineExperiment,
  epochs,
  every,
  exponential,
  join,
  off,
  twoStage,
} from 'absgd'
import { z } from 'zod'

/** Steps of λ < 0: off while the network learns what most labels agree on, then steadily smaller. */
const OFF = epochs(2)
const ANNEALED = epochs(4)

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
    train: z.number().int().min(10).default(4096),
    validation: z.number().int().min(1).default(1000),
    epochs: z.number().int().min(1).default(12),
    batchSize: z.number().int().min(1).default(128),
    lr: z.number().positive().default(0.05),
  }),
  length: ({ params }) => epochs(params.epochs),
  evaluate: every(epochs(4)),
  checkpoint: 'end',
  objective: { metric: 'val.accuracy', goal: 'maximize' },
  controls: ({ params }) => ({
    lambda: off(),
    gamma: 0.9,
    lr: cosine({ init: params.lr, over: epochs(params.epochs) }),
  }),
  arms: {
    sgd: {},
    gce: { params: { loss: 'generalised' } },
    // q = -1/λ of `annealed`: to 1, the largest that the published loss has, and as far as λ goes.
    'gce-annealed': {
      params: { loss: 'generalised' },
      controls: {
        q: join(constant(0).for(OFF), bound(exponential({ init: 0.2, end: 2, over: ANNEALED }), { max: 1 })),
      },
    },
    'not-normalised': {
      params: { loss: 'generalised' },
      controls: { q: join(constant(0).for(OFF), exponential({ init: 0.2, end: 2, over: ANNEALED })) },
    },
    'two-stage': { controls: { lambda: twoStage({ off: epochs(5), lambda: -0.5 }) } },
    annealed: {
      controls: { lambda: join(off().for(OFF), exponential({ init: -5, end: -0.5, over: ANNEALED })) },
    },
    // For rare classes.
    focal: { params: { loss: 'focal' } },
    'class-weights': { params: { loss: 'class-weighted' } },
    'balanced-softmax': { params: { loss: 'balanced-softmax' } },
    'lambda-1': { controls: { lambda: 1 } },
    'annealed-up': {
      controls: { lambda: join(off().for(OFF), exponential({ init: 5, end: 1, over: ANNEALED })) },
    },
  },
})
