import { statSync, truncateSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { every, exponential, join, off, steps } from '../../../src/index.js'
import type { RunConfig } from '../../../src/record/manifest.js'
import { isVisible } from '../../../src/history/visible-steps.js'
import { startRun } from '../../../src/run/start.js'
import { resolveExperiment } from '../../../src/experiment/resolve-experiment.js'
import { readManifest, runPaths } from '../../../src/log/run-directory.js'
import { readRunView } from '../../../src/log/run-view.js'
import { COLD_PYTHON } from '../../helpers/python.js'
import { bodiesOf, launchTiny, runsFolder, tiny, tinyParams, PYTHON, TINY } from '../helpers.js'
import { defineExperiment } from '../../../src/index.js'

/** 13 steps an epoch: step 40 is in the middle of one, step 39 the end of another. */
const spec = {
  name: 'tiny',
  worker: { task: TINY },
  params: tinyParams,
  length: 100,
  evaluate: every(steps(10)),
  checkpoint: every(steps(13)),
  keepCheckpoints: 0,
  controls: { lambda: join(off().for(30), exponential({ init: -5, end: -0.5, over: 40 })), gamma: 0.5 },
} as const

/** Every number that the visible history has of a step, and every evaluation. */
async function visibleHistory(dir: string) {
  const rewinds = (await bodiesOf(dir, 'rewind')).map(({ attempt, toStep, cause }) => ({
    attempt,
    toStep,
    cause,
  }))
  const batches = await bodiesOf(dir, 'step-batch')
  const rows = batches.flatMap((batch) =>
    Array.from({ length: batch.count }, (_, i) => {
      const [weighing] = batch.weighings
      return {
        step: batch.firstStep + i,
        attempt: batch.attempt,
        lambda: batch.controls['lambda']?.[i],
        meanLoss: weighing?.meanLoss[i],
        sumW: weighing?.sumW[i],
        freeEnergy: weighing?.freeEnergy[i],
        noise: batch.metrics['noise']?.[i],
      }
    }),
  )
  const evaluations = await bodiesOf(dir, 'evaluation')
  return {
    steps: rows
      .filter(({ attempt, step }) => isVisible(rewinds, attempt, step))
      .map(({ attempt: _attempt, ...row }) => row),
    evaluations: evaluations
      .filter(({ attempt, step }) => isVisible(rewinds, attempt, step))
      .map(({ step, metrics }) => ({ step, metrics })),
  }
}

async function outcomeOf(dir: string) {
  const plans = (await bodiesOf(dir, 'plan')).map(({ leaseEpoch: _epoch, ...plan }) => plan)
  return { plans, history: await visibleHistory(dir) }
}

/** Plans and history of the run that nothing happens to; trained once. */
let unbrokenOutcome: ReturnType<typeof outcomeOf> | undefined
function unbroken(): ReturnType<typeof outcomeOf> {
  unbrokenOutcome ??= launchTiny(spec).then(async (run) => {
    await run.result
    return outcomeOf(run.dir)
  })
  return unbrokenOutcome
}

async function takeUp(dir: string, config: Partial<RunConfig> = {}, python = PYTHON) {
  const written = readManifest(dir)
  const manifest = { ...written, config: { ...written.config, ...config } }
  const resolved = resolveExperiment(defineExperiment(spec), { params: manifest.params })
  const { ended, origin } = await startRun({ dir, manifest, resolved, python, threads: 1 })
  await ended
  return origin
}

describe('a run stopped at a checkpoint and started from it', () => {
  test.each([
    ['in mid-epoch', 40, PYTHON],
    ['at an epoch’s end and started cold', 39, COLD_PYTHON],
  ])(
    '%s is bit-identical to the unbroken run, in its weights and in its visible log',
    async (_where, stopAt, python) => {
      const runs = runsFolder()

      const broken = await launchTiny(spec, { runs, params: { pace: 0.005 } })
      for await (const _first of broken.reports()) break
      const { appliedAt } = await broken.pause()
      expect(appliedAt).toBeLessThan(stopAt)
      await broken.step(stopAt - appliedAt)
      for await (const { step } of broken.reports()) if (step === stopAt - 1) break
      expect(await broken.stop()).toEqual({ appliedAt: stopAt })
      expect((await broken.result).steps).toBe(stopAt)

      // What the log holds already counts: the other steps would find room in all of it.
      const sampleQuotaBytes = Math.ceil(1.5 * statSync(runPaths(broken.dir).samples).size)
      expect(await takeUp(broken.dir, { sampleQuotaBytes }, python)).toBe('restarted')
      expect(await bodiesOf(broken.dir, 'gap')).toMatchObject([{ attempt: 2, reason: 'quota' }])
      const { summary } = await readRunView(broken.dir)
      expect(summary).toMatchObject({
        status: 'completed',
        attempt: 2,
        steps: 100,
        lostSteps: 0,
        duplicatedSteps: 0,
      })
      const { history: whole } = await unbroken()
      expect(whole.steps).toHaveLength(100)
      expect(whole.evaluations.at(-1)?.metrics['fingerprint']).toBeGreaterThan(0)
      expect(await visibleHistory(broken.dir)).toEqual(whole)
    },
  )

  test('goes on behind a damaged end of its log, and says what could not be read', async () => {
    const run = await launchTiny(spec, { params: { pace: 0.005 } })
    for await (const _first of run.reports()) break
    await run.stop()
    await run.result
    truncateSync(runPaths(run.dir).steps, statSync(runPaths(run.dir).steps).size - 3)
    expect(await takeUp(run.dir)).toBe('restarted')
    const notes = await bodiesOf(run.dir, 'note')
    expect(notes.filter(({ text }) => /steps\.log could not be read/.test(text))).toHaveLength(1)
    expect((await readRunView(run.dir)).summary).toMatchObject({ status: 'completed', lostSteps: 0 })
  })

  test('loses what came after the checkpoint when it was not stopped there, and trains it again alike', async () => {
    const runs = runsFolder()
    const broken = await launchTiny(spec, { runs, params: { fault: 'raise' } })
    expect((await broken.result).status).toBe('failed')
    expect((await visibleHistory(broken.dir)).steps).toEqual((await unbroken()).history.steps.slice(0, 19))
  })
})

describe('telemetry', () => {
  test('delayed at random by 0 to 500 ms changes no plan and no weight', async () => {
    const straight = await unbroken()
    expect(straight.history.steps).toHaveLength(100)
    expect(await outcomeOf(await startDelayed(runsFolder(), 7))).toEqual(straight)
  })
})

async function startDelayed(runs: string, seed: number): Promise<string> {
  const { prepareRun } = await import('../../../src/run/prepare.js')
  const prepared = await prepareRun({ experiment: tiny(spec), runs, python: PYTHON })
  const random = generator(seed)
  const { ended } = await startRun({
    ...prepared,
    threads: 1,
    through: (channel) => ({
      ...channel,
      async *incoming() {
        for await (const incoming of channel.incoming()) {
          if (incoming.type === 'telemetry')
            await new Promise((resolve) => setTimeout(resolve, 500 * random()))
          yield incoming
        }
      },
    }),
  })
  await ended
  return prepared.dir
}

/** A small generator of numbers in [0, 1): Park and Miller's. */
function generator(seed: number): () => number {
  let state = seed
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647
}
