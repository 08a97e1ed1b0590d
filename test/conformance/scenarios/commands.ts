/** What a worker is told to do now, and where it answers that it did. */
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { streamOf, type Action } from '../../../src/record/record.js'
import type { Bench } from '../benches.js'
import type { Scripted } from '../scripted.js'
import { range, samplesOf, stepsOf } from '../steps.js'

export function commandScenarios(bench: Bench): void {
  test('pauses, steps and goes on at step boundaries, and says at which', async (context) => {
    const { controller } = await bench.open(context)
    await controller.admitted()
    expect(await controller.ask('p', { type: 'pause' })).toMatchObject({ ok: true, step: 0 })
    await controller.inPhase('paused')
    controller.plan({ firstStep: 0, count: 100 })
    expect(await controller.ask('s1', { type: 'step-on', steps: 4 })).toMatchObject({ ok: true, step: 0 })
    await controller.until(() => stepsOf(controller).length === 4, '4 steps')
    await controller.inPhase('paused', 4)
    expect(await controller.ask('r', { type: 'resume' })).toMatchObject({ ok: true, step: 4 })
    await controller.until(() => stepsOf(controller).length === 100, '100 steps')
    const refused = await controller.ask('s2', { type: 'step-on', steps: 1 })
    expect(refused).toMatchObject({ ok: false, step: 100 })
    expect(refused.message).toContain('not paused')
  })

  test('does a command once, however often it comes, and answers it alike', async (context) => {
    const { controller } = await bench.open(context)
    await paused(controller)
    const answers = () => controller.of('command-result').filter(({ id }) => id === 's')
    controller.command('s', { type: 'step-on', steps: 3 })
    controller.command('s', { type: 'step-on', steps: 3 })
    await controller.until(() => stepsOf(controller).length === 3, '3 steps')
    const before = answers().length
    controller.command('s', { type: 'step-on', steps: 3 })
    await controller.until(() => answers().length > before, 'another answer')
    // Under a new lease too: a controller asks again for what it has no answer to.
    controller.send({ type: 'reject', code: 'no-lease', hint: 'say Hello' })
    await controller.until(() => controller.of('hello').length === 2, 'another Hello')
    controller.command('s', { type: 'step-on', steps: 3 })
    await controller.until(
      () => answers().some(({ leaseEpoch }) => leaseEpoch === 2),
      'an answer under the new lease',
    )
    expect(new Set(answers().map(({ ok, step, message }) => `${ok} ${step} ${message}`)).size).toBe(1)
    expect(await controller.ask('e', { type: 'evaluate' })).toMatchObject({ ok: true, step: 3 })
    expect(stepsOf(controller).length).toBe(3)
  })

  test('names in each answer the last record of steps that came before it', async (context) => {
    const { controller } = await bench.open(context)
    await paused(controller)
    await step(controller, 's', 5)
    for (const [id, action, bodies] of [
      ['p', { type: 'pause' }, ['step-batch']],
      ['e', { type: 'evaluate' }, ['evaluation']],
      ['c', { type: 'checkpoint' }, ['checkpoint-written']],
    ] as const) {
      const { ok, follows } = await controller.ask(id, action)
      expect(ok).toBe(true)
      const last = await controller.until(
        () => controller.records.find(({ seq, body }) => streamOf(body) === 'steps' && seq === follows),
        `record ${follows}`,
      )
      expect(bodies).toContain(last.body.type)
    }
  })

  test('evaluates once per position, with a confusion matrix, and not before the first step', async (context) => {
    const { controller } = await bench.open(context)
    await paused(controller)
    expect(await controller.ask('e0', { type: 'evaluate' })).toMatchObject({ ok: false, step: 0 })
    await step(controller, 's', 5)
    expect(await controller.ask('e1', { type: 'evaluate' })).toMatchObject({ ok: true, step: 5 })
    expect(await controller.ask('e2', { type: 'evaluate' })).toMatchObject({ ok: true, step: 5 })
    await controller.until(() => controller.bodies('evaluation').length >= 2, 'evaluations')
    const evaluations = controller.bodies('evaluation')
    expect(new Set(evaluations.map(({ split }) => split)).size).toBe(evaluations.length)
    expect(new Set(evaluations.map(({ step }) => step))).toEqual(new Set([4]))
    const { metrics, confusion } = evaluations.find(({ split }) => split === 'test')!
    const { classes, counts } = confusion!
    const all = counts.reduce((sum, count) => sum + count, 0)
    const right = range(classes).reduce((sum, c) => sum + counts[c * classes + c]!, 0)
    expect(metrics['accuracy']).toBeCloseTo(right / all, 12)
  })

  test('returns to a checkpoint, and trains the same steps again bit for bit under the new attempt', async (context) => {
    const { controller, dir } = await bench.open(context)
    await paused(controller)
    await step(controller, 's1', 14)
    expect(await controller.ask('c', { type: 'checkpoint' })).toMatchObject({ ok: true, step: 14 })
    const [{ path, sha256 } = { path: '', sha256: '' }] = await controller.until(
      () => controller.bodies('checkpoint-written').length > 0 && controller.bodies('checkpoint-written'),
      'the checkpoint',
    )
    await step(controller, 's2', 20)

    const wrong: Action = { type: 'restore', step: 14, path, sha256: '0'.repeat(64), attempt: 2 }
    expect(await controller.ask('wrong', wrong)).toMatchObject({ ok: false, step: 34 })
    const missing: Action = { type: 'restore', step: 14, path: 'checkpoints/none', sha256: '', attempt: 2 }
    expect(await controller.ask('missing', missing)).toMatchObject({ ok: false, step: 34 })
    const restore: Action = { type: 'restore', step: 14, path, sha256, attempt: 2 }
    expect(await controller.ask('restore', restore)).toMatchObject({ ok: true, step: 14 })
    // The rows of the first attempt are void.
    await controller.ask('s3', { type: 'step-on', steps: 20 })
    controller.plan({ attempt: 2, firstStep: 14, count: 100, columns: ramp(100, 14) })
    await controller.until(() => stepsOf(controller).length === 54, '20 steps again')
    await controller.until(() => samplesOf(controller).length === 54, 'their samples')
    const attempts = [1, 2].map((attempt) => ({
      steps: stepsOf(controller)
        .filter((entry) => entry.attempt === attempt && entry.step >= 14)
        .map(({ step, meanLoss, sumW, freeEnergy, controls }) => ({
          step,
          meanLoss,
          sumW,
          freeEnergy,
          controls,
        })),
      samples: samplesOf(controller)
        .filter((entry) => entry.attempt === attempt && entry.step >= 14)
        .map(({ step, losses, weights, indices }) => ({ step, losses, weights, indices })),
    }))
    expect(attempts[0]?.steps).toHaveLength(20)
    expect(attempts[1]).toEqual(attempts[0])

    appendFileSync(join(dir, path), 'damage')
    expect(await controller.ask('damaged', { ...restore, attempt: 3 })).toMatchObject({ ok: false, step: 34 })
  })

  test('as a new process goes on from the checkpoint that Welcome names, as if nothing had been', async (context) => {
    const first = await bench.open(context)
    await paused(first.controller)
    await step(first.controller, 's1', 10)
    expect(await first.controller.ask('stop', { type: 'stop', checkpoint: true })).toMatchObject({
      ok: true,
      step: 10,
    })
    expect(await first.controller.farewell()).toMatchObject({
      reason: 'stopped',
      position: { attempt: 1, step: 10 },
    })
    expect(await first.exited).toBe(0)

    const [written] = first.controller.bodies('checkpoint-written')
    const second = await bench.open(context, {
      dir: first.dir,
      welcome: { attempt: 2, restorePath: written!.path, restoreSha256: written!.sha256, runSteps: 20 },
    })
    await second.controller.admitted()
    second.controller.plan({ attempt: 2, firstStep: 10, count: 10, columns: ramp(10, 10), runSteps: 20 })
    expect(await second.controller.farewell()).toMatchObject({
      reason: 'completed',
      position: { attempt: 2, step: 20 },
    })

    const whole = await bench.open(context)
    await whole.controller.admitted()
    whole.controller.plan({ firstStep: 0, count: 20, columns: ramp(20), runSteps: 20 })
    await whole.controller.farewell()
    const losses = ({ controller }: { controller: Scripted }) =>
      stepsOf(controller).map(({ meanLoss }) => meanLoss)
    expect([...losses(first), ...losses(second)]).toEqual(losses(whole))
    // What is known of the samples travels once per run.
    expect(first.controller.bodies('sample-info')).toHaveLength(1)
    expect(second.controller.bodies('sample-info')).toHaveLength(0)
  })

  test('stops without a checkpoint when told so', async (context) => {
    const { controller, exited } = await bench.open(context)
    await paused(controller)
    await step(controller, 's', 2)
    expect(await controller.ask('stop', { type: 'stop', checkpoint: false })).toMatchObject({
      ok: true,
      step: 2,
    })
    expect(await controller.farewell()).toMatchObject({
      reason: 'stopped',
      position: { attempt: 1, step: 2 },
    })
    expect(await exited).toBe(0)
    expect(controller.bodies('checkpoint-written')).toEqual([])
    // The answer comes before the last word.
    const told = controller.messages.map(({ type }) => type)
    expect(told.lastIndexOf('command-result')).toBeLessThan(told.indexOf('bye'))
  })
}

/** A worker that stands at step 0 with rows for a hundred steps. */
async function paused(controller: Scripted): Promise<void> {
  await controller.admitted()
  await controller.ask('pause', { type: 'pause' })
  controller.plan({ firstStep: 0, count: 100, columns: ramp(100) })
}

async function step(controller: Scripted, id: string, steps: number): Promise<void> {
  const { step: from } = await controller.ask(id, { type: 'step-on', steps })
  await controller.until(
    () => stepsOf(controller).at(-1)?.step === from + steps - 1,
    `step ${from + steps - 1}`,
  )
}

/** λ moves so that a wrong step shows. */
function ramp(count: number, from = 0) {
  return { lambda: range(count, from).map((at) => -4 + at / 40), gamma: 0.5 }
}
