import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { cosine, defineExperiment, epochs, launch } from '../../src/index.js'
import { bodiesOf, PYTHON, runsFolder } from './helpers.js'

const TASK = `${fileURLToPath(new URL('../../examples/noisy-digits/task.py', import.meta.url))}:build`

/** λ = -0.5 from step 0 on clean digits. */
async function accuracy(guard: boolean) {
  const experiment = defineExperiment({
    name: 'too-soon',
    worker: { task: TASK },
    params: z.object({
      // The one that is lost soonest of ten.
      seed: z.number().default(6),
      noise: z.number().default(0),
      kind: z.string().default('asymmetric'),
      loss: z.string().default('cross-entropy'),
      batchSize: z.number().default(64),
    }),
    length: epochs(30),
    evaluate: 'end',
    checkpoint: 'end',
    controls: { lambda: -0.5, gamma: 0.9, lr: cosine({ init: 0.05, over: epochs(30) }) },
    record: { samples: 'off' },
    guard,
  })
  const run = await launch(experiment, {
    runs: runsFolder(),
    python: PYTHON,
    threads: 1,
    handleSignals: false,
  })
  const { status, final } = await run.result
  expect(status).toBe('completed')
  return { accuracy: final['test.accuracy'], edits: await bodiesOf(run.dir, 'edited') }
}

test('a small λ from step 0 on ends at chance, and above 90 % under the guard', async () => {
  const unguarded = await accuracy(false)
  expect(unguarded.accuracy).toBeLessThan(0.3)
  expect(unguarded.edits).toEqual([])
  const guarded = await accuracy(true)
  expect(guarded.accuracy).toBeGreaterThan(0.9)
  expect(guarded.edits[0]).toMatchObject({ by: 'guard', control: 'lambda', before: -0.5 })
})
