/** Telemetry of steps and samples. */
import { expect, test } from 'vitest'
import type { Bench } from '../benches.js'
import { range, samplesOf, stepsOf } from '../steps.js'

export function telemetryScenarios(bench: Bench): void {
  test('records the samples of every k-th step, and their descriptions', async (context) => {
    const { controller } = await bench.open(context, { welcome: { sampleEvery: 3 } })
    const { datasetSize, batchSize, numClasses } = await controller.admitted()
    controller.plan({ firstStep: 0, count: 10, runSteps: 10 })
    await controller.farewell()
    expect(samplesOf(controller).map(({ step }) => step)).toEqual([0, 3, 6, 9])
    expect(stepsOf(controller).map(({ step }) => step)).toEqual(range(10))
    const drawn = samplesOf(controller).flatMap(({ indices }) => indices)
    expect(new Set(drawn).size).toBe(drawn.length)
    expect(drawn.length).toBe(4 * batchSize)
    const [info] = controller.bodies('sample-info')
    expect(info?.labels.length).toBe(datasetSize)
    expect(info?.trueLabels.length).toBe(datasetSize)
    expect(info?.labels.every((label) => label < numClasses)).toBe(true)
    const [weighing] = controller.bodies('step-batch')[0]!.weighings
    expect(weighing?.classMass.length).toBe(numClasses * weighing!.n.length)
  })

  test('records no samples if the Welcome asks for none', async (context) => {
    const { controller } = await bench.open(context, { welcome: { sampleEvery: 0 } })
    await controller.admitted()
    controller.plan({ firstStep: 0, count: 10, runSteps: 10 })
    await controller.farewell()
    expect(samplesOf(controller)).toEqual([])
    expect(controller.bodies('gap')).toEqual([])
  })

  test('stops recording samples when the quota is used up, with one Gap, and continues to record scalars', async (context) => {
    const { controller } = await bench.open(context, { welcome: { sampleQuotaBytes: 4000 } })
    await controller.admitted()
    await controller.ask('pause', { type: 'pause' })
    controller.plan({ firstStep: 0, count: 60, runSteps: 60 })
    for (const part of range(6)) {
      await controller.ask(`s${part}`, { type: 'step-on', steps: 10 })
      await controller.until(() => stepsOf(controller).length === 10 * (part + 1), 'ten more steps')
    }
    await controller.ask('resume', { type: 'resume' })
    await controller.farewell()
    expect(stepsOf(controller).map(({ step }) => step)).toEqual(range(60))
    const gaps = controller.bodies('gap')
    expect(gaps).toMatchObject([{ attempt: 1, reason: 'quota' }])
    const sampled = samplesOf(controller).map(({ step }) => step)
    expect(sampled).toEqual(range(gaps[0]!.firstStep))
    expect(sampled.length).toBeLessThan(60)
  })

  test('numbers each stream without missing sequences, and sends Progress', async (context) => {
    const { controller } = await bench.open(context)
    await controller.admitted()
    controller.plan({ firstStep: 0, count: 30, runSteps: 30, events: [{ afterStep: 9, kind: 'evaluate' }] })
    const bye = await controller.farewell()
    for (const stream of ['steps', 'samples'] as const) {
      const own = controller.records.filter(
        ({ body }) => body.type.startsWith('sample') === (stream === 'samples'),
      )
      expect(own.map(({ seq }) => seq)).toEqual(range(bye.sent[stream], 1))
      expect(new Set(own.map(({ origin }) => origin))).toEqual(new Set(['worker-0']))
    }
    expect(controller.of('progress').length).toBeGreaterThan(0)
    expect(controller.malformed).toEqual([])
  })
}
