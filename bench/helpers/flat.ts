/** The run whose memory is watched: as many steps as the environment says, every sample recorded. */
import { fileURLToPath } from 'node:url'
import { defineExperiment, exponential } from 'absgd'
import { z } from 'zod'

const length = Number(process.env['BENCH_STEPS'])

export default defineExperiment({
  name: 'flat',
  worker: { task: `${fileURLToPath(new URL('../python/tiny.py', import.meta.url))}:build` },
  params: z.object({ batchSize: z.number().default(8) }),
  length,
  evaluate: 'end',
  checkpoint: 'end',
  controls: { lambda: exponential({ init: -5, end: -1, over: length }), gamma: 0.9 },
})
