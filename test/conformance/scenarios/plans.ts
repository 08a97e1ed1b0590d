/** Plans: which rows a worker applies, and when. */
import { expect, test } from 'vitest'
import { classFactors, weighBalanced } from '../../../src/weighting/class-factor.js'
import { FRESH_STATE, weigh, type WeightState } from '../../../src/weighting/weigh-batch.js'
import type { WeightingRule } from '../../../src/record/weighting-rule.js'
import type { Bench } from '../benches.js'
import { range, samplesOf, stepsOf } from '../steps.js'

export function planScenarios(bench: Bench): void {
  test('applies every row exactly, reports it, and leaves other controls to its optimizer', async (context) => {
    const { controller } = await bench.open(context)
    await controller.admitted()
    const lr = range(30).map((step) => 0.01 + step / 700)
    const columns = { lambda: range(30).map((step) => -5 + step / 7), gamma: 1 / 3, lr, own_control: 7 }
    const planSeq = controller.plan({ firstStep: 0, count: 30, columns })
    expect(await controller.ackOf(planSeq)).toBe(0)
    await controller.until(() => stepsOf(controller).length === 30, '30 steps')
    stepsOf(controller).forEach(({ step, controls }) => {
      expect(controls).toEqual({
        lambda: -5 + step / 7,
        gamma: 1 / 3,
        lr: lr[step],
        own_control: 7,
        momentum: 0.9,
        weight_decay: 0,
      })
    })
  })

  test.for(RULES)('weighs by the rule $preset: λ off, positive and negative', async (weighting, context) => {
    const { controller } = await bench.open(context, { welcome: { weighting } })
    await controller.admitted()
    const lambda = [Infinity, 2, 2, 1.5, -1, -1, -0.8, -Infinity, -2, -2, 5, 5, 0.5]
    const gamma = range(13).map((step) => [0.1, 0.45, 0.9, 1][step % 4]!)
    controller.plan({ firstStep: 0, count: 13, columns: { lambda, gamma } })
    await controller.until(() => samplesOf(controller).length === 13, '13 steps with samples')
    let state: WeightState = FRESH_STATE
    const steps = stepsOf(controller)
    samplesOf(controller).forEach(({ step, losses, weights }) => {
      const controls = { lambda: lambda[step]!, gamma: gamma[step]! }
      const expected = weigh(Float64Array.from(losses), controls, state, weighting)
      state = expected.state
      weights.forEach((weight, i) => {
        expectWithin(weight, expected.weights[i]!, FLOAT32)
      })
      const { meanLoss, sumW, freeEnergy } = steps[step]!
      expectWithin(meanLoss, expected.statistics.meanLoss, FLOAT32)
      expectWithin(sumW, expected.statistics.sumW, FLOAT32)
      expectWithin(freeEnergy, expected.statistics.freeEnergy, FLOAT32)
    })
  })

  test.for([RULES[0]!, RULES[2]!])(
    'multiplies the weights by the class factor from the planned step on, by the rule $preset',
    async (weighting, context) => {
      const { controller } = await bench.open(context, { welcome: { weighting } })
      await controller.admitted()
      const beta = range(12).map((step) => (step < 5 ? 0 : step < 9 ? 0.99 : 0.9))
      controller.plan({
        firstStep: 0,
        count: 12,
        columns: { lambda: -2, gamma: 0.7, class_balance: beta },
        runSteps: 12,
      })
      await controller.farewell()
      const labels = controller.bodies('sample-info').flatMap((info) => [...info.labels])
      const counts = range(Math.max(...labels) + 1).map((y) => labels.filter((label) => label === y).length)
      const weighings = controller
        .bodies('step-batch')
        .flatMap(({ count, weighings: [weighing] }) => range(count).map((i) => ({ i, weighing: weighing! })))
      let state: WeightState = FRESH_STATE
      samplesOf(controller).forEach(({ step, losses, weights, indices }) => {
        const byClass = classFactors(counts, beta[step]!)
        const factors = Float64Array.from(indices, (index) => byClass[labels[index]!]!)
        const controls = { lambda: -2, gamma: 0.7 }
        const expected = weighBalanced(Float64Array.from(losses), factors, controls, state, weighting)
        state = expected.state
        weights.forEach((weight, i) => {
          expectWithin(weight, expected.weights[i]!, FLOAT32)
        })
        const { i, weighing } = weighings[step]!
        expectWithin(weighing.sumW[i]!, expected.statistics.sumW, FLOAT32)
        expectWithin(weighing.sumWL[i]!, expected.statistics.sumWL, FLOAT32)
        expectWithin(weighing.meanLoss[i]!, expected.statistics.meanLoss, FLOAT32)
        const bare = step < 5 ? { kl: NaN, ess: NaN } : expected.statistics.bare
        expectWithin(weighing.bare?.kl[i] ?? NaN, bare.kl, 1e-4)
        expectWithin(weighing.bare?.ess[i] ?? NaN, bare.ess, FLOAT32)
        const mass = weighing.classMass.subarray(i * counts.length, (i + 1) * counts.length)
        expectWithin(
          mass.reduce((a, b) => a + b, 0),
          expected.statistics.sumW,
          FLOAT32,
        )
      })
      expect(weighings).toHaveLength(12)
      expect(new Set(counts).size).toBeGreaterThan(1)
      expect(stepsOf(controller).map(({ controls }) => controls['class_balance'])).toEqual(beta)
    },
  )

  test('uses the row of the highest sequence for every step that has not begun, and reports the first such step', async (context) => {
    const { controller } = await bench.open(context)
    await controller.admitted()
    await controller.ask('p', { type: 'pause' })
    const first = controller.plan({ firstStep: 0, count: 60, columns: { lambda: 2, gamma: 0.9 } })
    expect(await controller.ackOf(first)).toBe(0)
    await controller.ask('s', { type: 'step-on', steps: 10 })
    await controller.until(() => stepsOf(controller).length === 10, '10 steps')
    const edit = controller.plan({ firstStep: 0, count: 40, columns: { lambda: -1, gamma: 0.9 } })
    expect(await controller.ackOf(edit)).toBe(10)
    const ahead = controller.plan({ firstStep: 50, count: 5, columns: { lambda: -3, gamma: 0.9 } })
    expect(await controller.ackOf(ahead)).toBe(50)
    // A late plan does not override a newer one. A plan of another attempt or lease is dropped without an answer.
    const old = controller.plan({ planSeq: 0, firstStep: 0, count: 60, columns: { lambda: 9, gamma: 0.9 } })
    expect(await controller.ackOf(old)).toBe(10)
    controller.plan({
      attempt: 2,
      firstStep: 0,
      count: 60,
      columns: { lambda: 8, gamma: 0.9 },
    })
    controller.plan({ leaseEpoch: 9, firstStep: 0, count: 60, columns: { lambda: 7, gamma: 0.9 } })
    await controller.ask('r', { type: 'resume' })
    await controller.until(() => stepsOf(controller).length === 60, '60 steps')
    const lambdas = stepsOf(controller).map(({ controls }) => controls['lambda'])
    const counted = (lambda: number, count: number) => range(count).map(() => lambda)
    expect(lambdas).toEqual([
      ...counted(2, 10),
      ...counted(-1, 30),
      ...counted(2, 10),
      ...counted(-3, 5),
      ...counted(2, 5),
    ])
    const answered = controller.of('plan-ack').map(({ planSeq }) => planSeq)
    expect(answered).toEqual([first, edit, ahead, old])
  })

  test('waits for a missing row, counts and shows it, and counts no wait for the first', async (context) => {
    const { controller } = await bench.open(context)
    await controller.inPhase('starting')
    controller.plan({ firstStep: 0, count: 10 })
    expect(await controller.inPhase('waiting', 10)).toMatchObject({ waits: 1 })
    // Reports that a wait flushes come before the rows.
    await controller.until(() => stepsOf(controller).length === 10, '10 steps')
    expect(stepsOf(controller).at(-1)?.waits).toBe(0)
    controller.plan({ firstStep: 10, count: 10, runSteps: 20 })
    const bye = await controller.farewell()
    expect(bye.position.step).toBe(20)
    expect(stepsOf(controller).at(-1)?.waits).toBe(1)
    const shown = controller.of('progress').findLast(({ waits }) => waits === 1)
    expect(shown?.phase).not.toBe('starting')
  })

  test('carries out the events of a plan after their step: evaluation first, then the checkpoint, at one position', async (context) => {
    const { controller } = await bench.open(context)
    await controller.admitted()
    controller.plan({
      firstStep: 0,
      count: 20,
      events: [
        { afterStep: 6, kind: 'checkpoint' },
        { afterStep: 6, kind: 'evaluate' },
        { afterStep: 12, kind: 'evaluate' },
      ],
    })
    await controller.until(() => stepsOf(controller).length === 20, '20 steps')
    const told = controller.records.flatMap(({ body }) => {
      if (body.type === 'evaluation') return [`evaluated after ${body.step}`]
      return body.type === 'checkpoint-written' ? [`checkpoint at ${body.position.step}`] : []
    })
    expect([...new Set(told)]).toEqual(['evaluated after 6', 'checkpoint at 7', 'evaluated after 12'])
    expect(controller.bodies('checkpoint-written')[0]).toMatchObject({
      path: expect.stringMatching(/^checkpoints\/step-000000007\.1\.\w+$/) as string,
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
    })
  })

  test('fails with a reason if a plan sets λ without γ', async (context) => {
    const { controller, exited } = await bench.open(context)
    await controller.admitted()
    controller.plan({ firstStep: 0, count: 10, columns: { lambda: 2 } })
    const { reason, message } = await controller.farewell()
    expect(reason).toBe('failed')
    expect(message).toMatch(/lambda.*no gamma/)
    expect(await exited).toBe(1)
  })
}

function expectWithin(value: number, expected: number, relative: number): void {
  if (Number.isNaN(expected)) expect(value).toBeNaN()
  else expect(Math.abs(value - expected)).toBeLessThanOrEqual(relative * Math.max(1e-3, Math.abs(expected)))
}

const RULES: readonly WeightingRule[] = [
  { preset: 'default' },
  { preset: 'paper' },
  { preset: 'reference', alpha: 0.5, floor: true },
]

/** A few units in the last place of the reported values. */
const FLOAT32 = 4e-6
