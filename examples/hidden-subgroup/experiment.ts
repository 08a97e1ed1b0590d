/** A rare group that no label names: λ > 0 attends to the samples that the model keeps getting wrong, whatever they share. */
import { cosine, defineExperiment, epochs, exponential, join, off, recipe } from 'absgd'
import { z } from 'zod'

export default defineExperiment({
  name: 'hidden-subgroup',
  worker: { task: 'task.py:build' },
  params: z.object({
    seed: z.number().int().default(0),
    /** Share of the rare digits that is left in training. */
    rare: z.number().min(0).max(1).default(0.1),
    loss: z.enum(['cross-entropy', 'class-weighted', 'focal']).default('cross-entropy'),
    epochs: z.number().int().min(1).default(30),
    batchSize: z.number().int().min(1).default(32),
    /** The best of 0.02 to 2 for the plain loss, on seeds 0 to 9. */
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
  arms: {
    plain: {},
    'class-weights': { params: { loss: 'class-weighted' } },
    focal: { params: { loss: 'focal' } },
    'lambda-1': { controls: { lambda: 1 } },
    'annealed-up': {
      controls: { lambda: join(off().for(epochs(3)), exponential({ init: 5, end: 1, over: epochs(6) })) },
    },
    recipe: { controls: { lambda: recipe('rare-groups') } },
  },
})
