// What the recording trains: simulated, or with the task beside this file.
import { constant, defineExperiment, every, join, linear, off, steps, targetEss } from 'absgd'
import { z } from 'zod'

export default defineExperiment({
  name: 'behaviour',
  worker: { task: './task.py:build' },
  params: z.object({
    seed: z.number().int().default(0),
    noise: z.number().default(0.3),
    length: z.number().int().positive().default(300),
  }),
  length: ({ params }) => steps(params.length),
  evaluate: every(steps(100)),
  checkpoint: every(steps(100)),
  objective: { metric: 'val.accuracy', goal: 'maximize' },
  controls: { lambda: -2, gamma: 0.9, lr: 0.05 },
  arms: {
    plain: { controls: { lambda: Infinity } },
    annealed: {
      controls: { lambda: join(off().for(steps(50)), linear({ init: -5, end: -1, over: steps(100) })) },
    },
    aimed: { controls: { lambda: targetEss({ ratio: 0.7, sign: -1, min: 0.5, max: 8, after: steps(20) }) } },
    'zero-lambda': { controls: { lambda: 0 } },
    'large-gamma': { controls: { gamma: constant(1.5) } },
    'unknown-control': { controls: { lamda: -1 } },
  },
})
