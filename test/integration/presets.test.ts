/** The rule of weights that an experiment asks for, in a real worker. */
import { expect, onTestFinished, test, vi } from 'vitest'
import { constant, epochs, join, off, steps } from '../../src/index.js'
import { readManifest } from '../../src/log/run-directory.js'
import { readRunView } from '../../src/log/run-view.js'
import { pageLines } from '../../src/ui/lines/page.js'
import { bodiesOf, launchTiny } from './helpers.js'

const ALPHA = 0.5
const GAMMA = 0.7

test('a run under the reference with its floor is weighed by the authors’ recurrence, over a checkpoint too', async () => {
  const lambda = join(constant(200).for(steps(5)), constant(-0.5).for(steps(5)), constant(-2))
  const run = await launchTiny({
    length: 1_000_000,
    weighting: { preset: 'reference', alpha: ALPHA, floor: true },
    controls: { lambda, gamma: GAMMA },
  })
  for await (const _first of run.reports()) break
  await run.pause()
  await run.step(20)
  const { appliedAt } = await run.checkpoint()
  await run.step(20)
  await run.restore(appliedAt)
  await run.step(20)
  await run.stop()
  const summary = await run.result
  expect(summary).toMatchObject({ status: 'stopped', attempt: 2, lostSteps: 0, duplicatedSteps: 0 })

  const batches = await bodiesOf(run.dir, 'sample-batch')
  const stepsOf = (attempt: number) =>
    batches.filter((batch) => batch.attempt === attempt).flatMap((batch) => batch.steps)
  const logged = [...stepsOf(1).filter(({ step }) => step < appliedAt), ...stepsOf(2)]
  expect(logged.map(({ step }) => step)).toEqual(Array.from({ length: summary.steps }, (_, step) => step))
  let u = 0
  let furthest = 0
  for (const { step, losses, weights } of logged) {
    const n = losses.length
    const lambda = step < 5 ? 200 : step < 10 ? -0.5 : -2
    const exponentials = Array.from(losses, (loss) => Math.exp(loss / lambda))
    if (lambda < 200) u = (1 - GAMMA) * u + (GAMMA * ALPHA * exponentials.reduce((a, b) => a + b, 0)) / n
    for (const [i, weight] of weights.entries()) {
      const expected = lambda < 200 ? exponentials[i]! / (u * n) + 1 / n : 1 / n
      furthest = Math.max(furthest, Math.abs(weight / expected - 1))
    }
  }
  expect(furthest).toBeLessThan(1e-6)

  const rule = { preset: 'reference', alpha: ALPHA, floor: true }
  expect(readManifest(run.dir).config.weighting).toEqual(rule)
  expect(summary.config.weighting).toEqual(rule)
  const page = pageLines((await readRunView(run.dir)).summary)
  expect(page).toContain('  weighting   reference, alpha 0.5, floor')
})

test('a worker that does not know the rule of the run is refused, and the run says why', async () => {
  // The fault is in the process that trains.
  vi.stubEnv('ABSGD_COURIER', 'thread')
  onTestFinished(() => {
    vi.unstubAllEnvs()
  })
  const run = await launchTiny({ length: 20, weighting: 'paper' }, { params: { fault: 'old-protocol' } })
  const summary = await run.result
  expect(summary).toMatchObject({ status: 'failed', steps: 0 })
  expect(summary.detail?.replace(/\s+/g, ' ')).toContain(
    'this run weighs samples by the preset "paper", which the worker\'s protocol 1.0 does not know (1.1 does): install the same version of absgd on both sides',
  )
})

test('classes are re-weighted from the very step of the schedule on, outside the exponent', async () => {
  const run = await launchTiny({
    length: epochs(3),
    controls: {
      lambda: join(off().for(epochs(2)), constant(-2)),
      class_balance: steps({ init: 0, at: [[epochs(1), 0.999]] }),
    },
  })
  expect(await run.result).toMatchObject({ status: 'completed', steps: 39 })
  const labels = (await bodiesOf(run.dir, 'sample-info')).flatMap((info) => [...info.labels])
  const raw = [0, 1, 2].map((y) => 0.001 / (1 - 0.999 ** labels.filter((label) => label === y).length))
  const factors = raw.map((value) => (3 * value) / (raw[0]! + raw[1]! + raw[2]!))
  expect(Math.max(...factors) / Math.min(...factors)).toBeGreaterThan(1.1)

  const samples = (await bodiesOf(run.dir, 'sample-batch')).flatMap((batch) => batch.steps)
  expect(samples).toHaveLength(39)
  for (const { step, losses, weights, indices } of samples) {
    const factorOf = (i: number) => (step < 13 ? 1 : factors[labels[indices[i]!]!]!)
    const exponent = (i: number) => (step < 26 ? 0 : losses[i]! / -2)
    const expected = (i: number) => (factorOf(i) / factorOf(0)) * Math.exp(exponent(i) - exponent(0))
    for (const i of indices.keys()) expect(weights[i]! / weights[0]! / expected(i)).toBeCloseTo(1, 5)
    if (step < 26) expect(weights[0]! * indices.length).toBeCloseTo(factorOf(0), 6)
  }
})
