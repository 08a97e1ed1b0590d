import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { every, steps } from '../../src/index.js'
import { COLD_PYTHON } from '../helpers/python.js'
import { bodiesOf, launchTiny, recordsOf } from './helpers.js'

describe('a run from end to end', () => {
  test('trains every step under the planned controls and logs all of it, after a cold start', async () => {
    const run = await launchTiny({ length: 200, evaluate: every(steps(50)) }, { python: COLD_PYTHON })
    const reports: number[] = []
    let evaluations = 0
    for await (const report of run.reports()) {
      if (report.evaluation === undefined) reports.push(report.step)
      else evaluations += 1
    }
    const summary = await run.result
    expect(summary).toMatchObject({
      status: 'completed',
      steps: 200,
      attempt: 1,
      lostSteps: 0,
      duplicatedSteps: 0,
      waits: 0,
    })
    expect(reports).toEqual(Array.from({ length: 200 }, (_, step) => step))
    expect(evaluations).toBe(4)

    const batches = await bodiesOf(run.dir, 'step-batch')
    expect(batches.flatMap(({ controls }) => [...(controls['lambda'] ?? [])])).toEqual(new Array(200).fill(2))
    const samples = await bodiesOf(run.dir, 'sample-batch')
    expect(samples.flatMap(({ steps }) => steps).length).toBe(200)
    expect(summary.final['val.accuracy']).toBeGreaterThan(0.6)
    expect(summary.final['noise_auc']).toBeGreaterThan(0.7)
    expect(existsSync(join(run.dir, 'controller.json'))).toBe(false)
    expect(readFileSync(join(run.dir, 'worker.log'), 'utf8')).toMatch(/200/)
  })

  test('weighs with the rule: the weights of the log follow from its losses', async () => {
    const run = await launchTiny({ length: 40, controls: { lambda: 0.7, gamma: 1 } })
    await run.result
    const samples = (await bodiesOf(run.dir, 'sample-batch')).flatMap(({ steps }) => steps)
    expect(samples).toHaveLength(40)
    for (const { losses, weights } of samples) {
      const terms = Array.from(losses, (loss) => Math.exp(loss / 0.7))
      const total = terms.reduce((sum, term) => sum + term, 0)
      weights.forEach((weight, i) => {
        expect(weight).toBeCloseTo((terms[i] ?? NaN) / total, 5)
      })
    }
  })

  test('pauses, steps, checkpoints, evaluates, restores and stops when asked', async () => {
    const run = await launchTiny({ length: 1_000_000, keepCheckpoints: 0 })
    for await (const _first of run.reports()) break
    const paused = await run.pause()
    const stepped = await run.step(5)
    const checkpoint = await run.checkpoint()
    expect(stepped.appliedAt).toBeGreaterThanOrEqual(paused.appliedAt)
    await run.evaluate()
    await run.step(20)
    const later = await run.checkpoint()
    for (const { appliedAt } of [later, checkpoint]) {
      expect(await run.restore(appliedAt)).toMatchObject({ appliedAt })
    }
    await run.resume()
    await run.stop()
    const summary = await run.result
    expect(summary).toMatchObject({ status: 'stopped', attempt: 3, lostSteps: 0, duplicatedSteps: 0 })
    expect(await bodiesOf(run.dir, 'rewind')).toMatchObject([
      { attempt: 2, toStep: later.appliedAt, cause: 'restore' },
      { attempt: 3, toStep: checkpoint.appliedAt, cause: 'restore' },
    ])
    const settled = await bodiesOf(run.dir, 'settled')
    expect(settled.every(({ result }) => result.ok)).toBe(true)
    expect(settled).toHaveLength((await bodiesOf(run.dir, 'requested')).length)
  })

  test('is aborted by its signal: checkpointed, and marked as interrupted', async () => {
    const abort = new AbortController()
    const run = await launchTiny({ length: 1_000_000 }, { signal: abort.signal })
    for await (const _first of run.reports()) break
    abort.abort()
    expect((await run.result).status).toBe('interrupted')
    expect((await bodiesOf(run.dir, 'checkpoint-written')).length).toBeGreaterThan(0)
  })

  test('appends every plan before the first step that it governs is reported', async () => {
    const run = await launchTiny({ length: 5000, record: { samples: 'off' } })
    await run.result
    const records = await recordsOf(run.dir)
    for (const [i, { body }] of records.entries()) {
      if (body.type !== 'step-batch') continue
      const planned = records
        .slice(0, i)
        .some(
          ({ body: plan }) =>
            plan.type === 'plan' &&
            plan.firstStep <= body.firstStep &&
            body.firstStep < plan.firstStep + plan.count,
        )
      expect(planned).toBe(true)
    }
  })
})
