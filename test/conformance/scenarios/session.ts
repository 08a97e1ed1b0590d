/** How a worker comes, is lost, found again, and goes. */
import { expect, test } from 'vitest'
import { transition } from '../../../src/controller/decisions/transition.js'
import { initialState } from '../../../src/controller/state/state.js'
import { context as controllerContext, hello as anyHello, sent } from '../../helpers/controller.js'
import type { Bench } from '../benches.js'
import { range, stepsOf, TO_20, train20 } from '../steps.js'

export function sessionScenarios(bench: Bench): void {
  test('repeats its Hello until it is answered, and tells what it is', async (context) => {
    const { controller } = await bench.open(context, { admits: false })
    const hellos = await controller.until(
      () => controller.of('hello').length > 1 && controller.of('hello'),
      'two Hellos',
    )
    expect(new Set(hellos.map(({ incarnation }) => incarnation)).size).toBe(1)
    expect(hellos[0]).toMatchObject({
      protocolMajor: 1,
      run: 'test',
      peer: 'worker-0',
      position: { attempt: 0, step: 0 },
      plannedThrough: 0,
      initial: { lr: expect.any(Number) as number, momentum: 0.9 },
    })
    const { stepsPerEpoch, datasetSize, batchSize, numClasses } = hellos[0]!
    expect(stepsPerEpoch).toBe(Math.ceil(datasetSize / batchSize))
    expect(numClasses).toBeGreaterThan(2)
    controller.admit()
    // A word from before the Welcome was taken up has the old attempt.
    const begun = await controller.until(
      () => controller.of('progress').find(({ position }) => position.attempt === 1),
      'attempt 1',
    )
    expect(begun).toMatchObject({ phase: 'starting', position: { attempt: 1, step: 0 }, waits: 0 })
  })

  test('leaves without a word when its major version of the protocol is refused', async (context) => {
    const { controller, exited } = await bench.open(context, { admits: false })
    await controller.until(() => controller.of('hello')[0], 'Hello')
    const refusal = transition(
      initialState(),
      { type: 'message', peer: 'p', message: anyHello({ protocolMajor: 2 }), nowMs: 0 },
      controllerContext,
    )
    for (const message of sent(refusal.effects)) controller.send(message)
    expect(await exited).toBe(1)
    expect(controller.messages.every(({ type }) => type === 'hello')).toBe(true)
  })

  test('refuses to train what it was not started for', async (context) => {
    const { exited, controller } = await bench.open(context, { welcome: { paramsJson: '{"seed":9}' } })
    expect(await exited).toBe(1)
    expect(controller.records).toEqual([])
  })

  test('whose lease is lost says Hello again, and sends again what was not acknowledged, byte for byte', async (context) => {
    const { controller } = await bench.open(context, { acknowledges: false })
    await train20(controller)
    const before = controller.frames.length
    controller.send({ type: 'reject', code: 'no-lease', hint: 'say Hello' })
    const [, second] = await controller.until(
      () => controller.of('hello').length > 1 && controller.of('hello'),
      'another Hello',
    )
    expect(second).toMatchObject({ position: { attempt: 1, step: 20 }, plannedThrough: 20 })
    expect(second?.incarnation).toBe(controller.of('hello')[0]?.incarnation)
    controller.plan({ firstStep: 20, count: 5, columns: TO_20.columns })
    await controller.until(() => stepsOf(controller).length === 25, '25 steps')
    expect(stepsOf(controller).map(({ step }) => step)).toEqual(range(25))
    // The controller says that it has everything, and nothing is sent twice; a forgetful one is sent everything.
    expect(controller.frames.length).toBe(controller.records.length)
    expect(before).toBeGreaterThan(0)
  })

  test('tells a controller that is started again everything that the one before had not on disk', async (context) => {
    const stage = await bench.open(context, { acknowledges: false })
    await train20(stage.controller)
    stage.controller.acknowledge()
    const durable = stage.controller.durable()
    stage.controller.plan({ firstStep: 20, count: 20, columns: TO_20.columns })
    await stage.controller.until(() => stepsOf(stage.controller).length === 40, '40 steps')
    const lost = stage.controller.frames.slice()

    const controller = await stage.restart({ acknowledges: true })
    expect(stepsOf(controller).length).toBe(20)
    const again = await controller.until(() => controller.of('hello')[0], 'Hello')
    expect(again.position).toEqual({ attempt: 1, step: 40 })
    controller.plan({ firstStep: 40, count: 10, runSteps: 50, columns: TO_20.columns })
    expect(await controller.farewell()).toMatchObject({
      reason: 'completed',
      position: { attempt: 1, step: 50 },
    })
    expect(await stage.exited).toBe(0)
    expect(stepsOf(controller).map(({ step }) => step)).toEqual(range(50))

    // What it sends again is what it sent before: duplicates are known by their sequence alone.
    const first = new Map(lost.map(({ record, bytes }) => [nameOf(record), bytes]))
    for (const { record, bytes } of controller.frames) {
      const before = first.get(nameOf(record))
      if (before !== undefined) expect(Buffer.from(bytes).equals(before)).toBe(true)
    }
    expect(controller.frames.some(({ record }) => first.has(nameOf(record)))).toBe(true)
    expect(durable.records.length).toBeGreaterThan(0)
    expect(controller.malformed).toEqual([])
  })

  test('says Bye with its last sequences, answers commands that come too late, and leaves once it is released', async (context) => {
    const { controller, exited } = await bench.open(context)
    await controller.admitted()
    controller.plan({ ...TO_20, runSteps: 20 })
    const bye = await controller.farewell({ release: false })
    expect(bye).toMatchObject({ reason: 'completed', position: { attempt: 1, step: 20 }, traceback: '' })
    expect(controller.records.at(-1)?.body.type).toMatch(/bye|sample/)
    expect(controller.bodies('bye')).toMatchObject([{ reason: 'completed', sent: bye.sent }])
    // At the end the model is evaluated and a checkpoint is written, planned or not.
    expect(controller.bodies('evaluation')[0]).toMatchObject({ attempt: 1, step: 19 })
    expect(controller.bodies('checkpoint-written')).toMatchObject([{ position: { attempt: 1, step: 20 } }])
    const [hello] = controller.of('hello')
    const predicted = controller.bodies('sample-predictions')
    expect(predicted).toMatchObject([{ attempt: 1, step: 19, firstIndex: 0, count: hello!.datasetSize }])
    expect(predicted[0]?.labelProbabilities.every((p) => p >= 0 && p <= 1)).toBe(true)

    const late = await controller.ask('late', { type: 'pause' })
    expect(late).toMatchObject({ ok: false, step: 20, message: 'training is over' })
    expect(await controller.ask('stop', { type: 'stop', checkpoint: true })).toMatchObject({
      ok: true,
      step: 20,
    })
    expect((await controller.inPhase('ending')).position.step).toBe(20)
    controller.send({ type: 'released' })
    expect(await exited).toBe(0)
  })

  test('that stands without a controller for too long checkpoints, and leaves with 75', async (context) => {
    const { controller, exited } = await bench.open(context, {
      acknowledges: false,
      welcome: { orphanLimitSeconds: 0.3 },
    })
    await train20(controller)
    expect(await controller.farewell({ release: false })).toMatchObject({ reason: 'orphaned' })
    expect(controller.bodies('checkpoint-written')).toMatchObject([{ position: { attempt: 1, step: 20 } }])
    expect(await exited).toBe(75)
  })

  test('that is sent SIGTERM checkpoints and stops', async (context) => {
    const { controller, exited, terminate } = await bench.open(context)
    await train20(controller)
    terminate()
    expect(await controller.farewell()).toMatchObject({ reason: 'stopped', position: { step: 20 } })
    expect(controller.bodies('checkpoint-written')).toHaveLength(1)
    expect(await exited).toBe(0)
  })
}

function nameOf({
  body,
  incarnation,
  seq,
}: {
  body: { type: string }
  incarnation: string
  seq: number
}): string {
  return `${incarnation} ${body.type.startsWith('sample') ? 'samples' : 'steps'} ${seq}`
}
