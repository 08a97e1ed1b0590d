/** The scripts beside it under a controller, as they stand: `--arm lightning` steers the Trainer of Lightning. */
import { defineExperiment, exponential, join, off, steps } from 'absgd'
import { z } from 'zod'

/** 5 of 40 epochs, of 1,197 images in batches of 32. */
const WARM_UP = steps(190)

export default defineExperiment({
  name: 'frameworks',
  params: z.object({
    script: z
      .enum(['plain_loop.py', 'lightning_digits.py', 'hugging_face_digits.py'])
      .default('plain_loop.py'),
    epochs: z.number().int().positive().default(40),
  }),
  worker: {
    script: ({ params }) => params.script,
    args: ({ params }) => ['--epochs', String(params.epochs)],
  },
  controls: {
    lambda: join(off().for(WARM_UP), exponential({ init: -5, end: -1, over: steps(380) })),
    gamma: 0.9,
  },
  arms: {
    plain: { params: { script: 'plain_loop.py' } },
    lightning: { params: { script: 'lightning_digits.py' } },
    'hugging-face': { params: { script: 'hugging_face_digits.py' } },
  },
})
