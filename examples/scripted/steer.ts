/**
 * Early stopping, written out: watch a run, remember its best epoch, go back to it and stop.
 *
 *     npx jiti examples/scripted/steer.ts [epochs without progress, 5 unless given]
 */
import { defineExperiment, epochs, exponential, join, launch, off } from 'absgd'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'

const patience = Number(process.argv[2] ?? 5)
const task = fileURLToPath(new URL('../noisy-digits/task.py', import.meta.url))

const experiment = defineExperiment({
  name: 'scripted',
  worker: { task: `${task}:build` },
  params: z.object({
    seed: z.number().default(0),
    noise: z.number().default(0.3),
    kind: z.string().default('symmetric'),
    loss: z.string().default('cross-entropy'),
    batchSize: z.number().default(32),
  }),
  length: epochs(60),
  evaluate: 'epoch',
  checkpoint: 'epoch',
  keepCheckpoints: 0,
  controls: {
    lr: 0.02,
    lambda: join(off().for(epochs(5)), exponential({ init: -5, end: -0.5, over: epochs(10) })),
  },
})

const run = await launch(experiment, { threads: 1, onSetup: console.log })
console.log(`${run.name} stops after ${patience} epochs without progress`)

const best = { accuracy: 0, epoch: 0, step: 0 }
for await (const { epoch, step, lambda, meanLoss, evaluation } of run.reports()) {
  const accuracy = evaluation?.['val.accuracy']
  if (accuracy === undefined) continue
  const shown = lambda === Infinity ? 'off' : lambda.toFixed(2)
  console.log(`epoch ${epoch}  λ ${shown}  loss ${meanLoss.toFixed(2)}  validation ${accuracy.toFixed(3)}`)
  if (accuracy > best.accuracy) Object.assign(best, { accuracy, epoch, step: step + 1 })
  if (epoch - best.epoch >= patience) break
}

await run.pause()
await run.restore(best.step)
await run.evaluate()
await run.stop()

const { status, final } = await run.result
const accuracy = final['test.accuracy'] ?? NaN
console.log(`${status} at epoch ${best.epoch}: test accuracy ${accuracy.toFixed(3)}`)
