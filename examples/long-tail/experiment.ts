/** A long tail whose classes are known: the counter-example, where losses that know the class counts beat λ > 0. */
import { cosine, defineExperiment, epochs, off } from 'absgd'
import { z } from 'zod'

export default defineExperiment({
  name: 'long-tail',
  worker: { task: 'task.py:build' },
  params: z.object({
    seed: z.number().int().default(0),
    /** Samples of the rarest class to those of the most frequent one. */
    imbalance: z.number().min(0.001).max(1).default(0.02),
    loss: z.enum(['cross-entropy', 'class-weighted', 'balanced-softmax']).default('cross-entropy'),
    epochs: z.number().int().min(1).default(60),
    batchSize: z.number().int().min(1).default(32),
    lr: z.number().positive().default(0.5),
  }),
  length: ({ params }) => epochs(params.epochs),
  evaluate: 'end',
  checkpoint: 'end',
  controls: ({ params }) => ({
    lambda: off(),
    gamma: 0.9,
    lr: cosine({ init: params.lr, over: epochs(params.epochs) }),
  }),
  /** Each at the better of two learning rates, 0.1 and 0.5, on seeds 0 to 9. */
  arms: {
    plain: {},
    'lambda-0.5': { params: { lr: 0.1 }, controls: { lambda: 0.5 } },
    'class-weights': { params: { loss: 'class-weighted', lr: 0.1 } },
    'balanced-softmax': { params: { loss: 'balanced-softmax' } },
  },
})
