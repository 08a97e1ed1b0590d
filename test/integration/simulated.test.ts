import { expect, test } from 'vitest'
import { every, exponential, join, launch, off, steps, untilStopped } from '../../src/index.js'
import { readManifest } from '../../src/log/run-directory.js'
import { resolveExperiment } from '../../src/experiment/resolve-experiment.js'
import { prepareRun } from '../../src/run/prepare.js'
import { readRunView } from '../../src/log/run-view.js'
import { startRun } from '../../src/run/start.js'
import { bodiesOf, runsFolder, tiny } from './helpers.js'

const spec = {
  length: 400,
  evaluate: every(steps(100)),
  checkpoint: every(steps(130)),
  keepCheckpoints: 0,
  controls: { lambda: join(off().for(30), exponential({ init: -5, end: -0.5, over: 300 })), gamma: 0.5 },
} as const

async function history(dir: string) {
  const batches = await bodiesOf(dir, 'step-batch')
  return batches.flatMap(({ firstStep, count, controls, weighings }) =>
    Array.from({ length: count }, (_, i) => ({
      step: firstStep + i,
      lambda: controls['lambda']?.[i],
      meanLoss: weighings[0]?.meanLoss[i],
      freeEnergy: weighings[0]?.freeEnergy[i],
    })),
  )
}

test('launch({ simulate: true }) runs in the script’s process, and leaves its event loop free', async () => {
  const run = await launch(tiny({ length: untilStopped() }), {
    runs: runsFolder(),
    simulate: true,
    handleSignals: false,
  })
  // At full speed and without an end: what the script asks for still comes about.
  for await (const { step } of run.reports()) if (step > 500) break
  const { appliedAt } = await run.pause()
  expect(await run.step(10)).toEqual({ appliedAt })
  await run.evaluate()
  const stopped = await run.stop()
  expect(stopped.appliedAt).toBeGreaterThanOrEqual(appliedAt)
  expect(await run.result).toMatchObject({ status: 'stopped', lostSteps: 0, duplicatedSteps: 0, waits: 0 })
  expect(run.name).toBe('tiny-1')
})

test('a simulated run stopped anywhere and resumed is bit-identical to the unbroken one', async () => {
  const options = { simulate: true, handleSignals: false } as const
  const whole = await launch(tiny(spec), { ...options, runs: runsFolder() })
  expect(await whole.result).toMatchObject({ status: 'completed', steps: 400, waits: 0 })

  const broken = await launch(tiny(spec), { ...options, runs: runsFolder(), pace: 1000 })
  for await (const _first of broken.reports()) break
  const { appliedAt } = await broken.stop()
  expect(appliedAt).toBeLessThan(400)
  await broken.result
  const manifest = readManifest(broken.dir)
  const resolved = resolveExperiment(tiny(spec), { params: manifest.params })
  const taken = await startRun({ dir: broken.dir, manifest, resolved })
  await taken.ended
  expect(taken.origin).toBe('restarted')
  expect((await readRunView(broken.dir)).summary).toMatchObject({
    status: 'completed',
    attempt: 2,
    lostSteps: 0,
  })
  expect(await history(broken.dir)).toEqual(await history(whole.dir))
})

test('interrupted twice it ends at once, and its log has what was trained', async () => {
  const prepared = await prepareRun({
    experiment: tiny({ length: untilStopped() }),
    runs: runsFolder(),
    simulate: true,
  })
  let reported = () => {}
  const first = new Promise<void>((resolve) => (reported = resolve))
  const { controller, ended } = await startRun({ ...prepared, onReport: () => reported() })
  await first
  controller.interrupt()
  controller.interrupt()
  expect(await ended).toMatchObject({ status: 'interrupted' })
  const { summary } = await readRunView(prepared.dir)
  expect(summary).toMatchObject({ status: 'interrupted', lostSteps: 0, duplicatedSteps: 0 })
  expect(summary.steps).toBeGreaterThan(0)
})
