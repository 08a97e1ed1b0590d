import fc from 'fast-check'
import { expect, test } from 'vitest'
import { addKnownStep, startFeedbackWindow, addSteps } from '../../../src/controller/state/feedback-window.js'
import { meanNumbers, stepNumbers } from '../../../src/history/series/step-numbers.js'
import { reportsOf } from '../../../src/history/step-report.js'
import { createRunSeries } from '../../../src/history/series/run-series.js'
import { initialSnapshot, reduce } from '../../../src/history/run-snapshot.js'
import type { StepBatch } from '../../../src/record/record.js'
import { GUARD } from '../../../src/schedule/feedback/guard.js'
import { joined, records, steps, weighing } from '../../helpers/records.js'

/** Of one step, the losses that it has: of the main weighing, of a generator's, of an auxiliary head's. */
const drawnStep = fc
  .record({ main: fc.boolean(), generator: fc.boolean(), auxiliary: fc.boolean() })
  .filter((has) => has.main || has.generator || has.auxiliary)
const drawnRun = fc
  .array(drawnStep, { minLength: 1, maxLength: 40 })
  .map((all) => [{ main: true, generator: false, auxiliary: false }, ...all])

type Drawn = (typeof drawnRun extends fc.Arbitrary<infer Run> ? Run : never)[number]

const MAIN = 1
const OTHERS = 1000

function batchOf(step: number, has: Drawn): StepBatch {
  const own = (name: string, loss: number) =>
    weighing(1, { name, meanLoss: Float64Array.of(loss), sumWL: Float64Array.of(loss) })
  const weighings = [
    ...(has.main ? [own('loss', MAIN + step / 1024)] : []),
    ...(has.generator ? [own('gan.py:31', OTHERS)] : []),
    ...(has.auxiliary ? [own('loss#2', OTHERS)] : []),
  ]
  return steps(step, 1, {
    controls: { lambda: Float64Array.of(-1), lr: Float64Array.of(0.1) },
    weighings,
    ...(has.main ? {} : { withoutMain: true }),
  })
}

test('the loss of a run is that of its main weighing in every step that has it, and none elsewhere', () => {
  fc.assert(
    fc.property(drawnRun, (run) => {
      const batches = run.map((has, step) => batchOf(step, has))
      const series = createRunSeries()
      for (const record of records([joined(), ...batches])) series.take(record)
      const drawn = run.flatMap(({ main }, step) => (main ? [[step, MAIN + step / 1024]] : []))
      const { x, mean } = series.steps.loss.view()
      expect([...x].map((step, i) => [step, mean[i]])).toEqual(drawn)
      for (const name of ['sumW', 'essRatio'] as const)
        expect([...series.steps[name].view().x]).toEqual(drawn.map(([step]) => step))
      expect(series.steps.lambda.view().x).toHaveLength(run.length)

      const snapshot = records([joined(), ...batches]).reduce(reduce, initialSnapshot())
      expect(snapshot.last?.numbers['train.loss']).toBe(drawn.at(-1)![1])

      run.forEach((has, step) => {
        const batch = batches[step]!
        for (const numbers of [stepNumbers(batch, 0), meanNumbers(batch)]) {
          expect(numbers['train.loss']).toBe(has.main ? MAIN + step / 1024 : undefined)
          expect('train.effective_lr' in numbers).toBe(has.main)
          expect(numbers['train.gan.py:31.loss']).toBe(has.generator ? OTHERS : undefined)
          expect(numbers['train.loss#2.loss']).toBe(has.auxiliary ? OTHERS : undefined)
        }
        const [report] = [...reportsOf(batch, 0)]
        expect(report!.meanLoss).toBe(has.main ? MAIN + step / 1024 : NaN)
      })
    }),
    { numRuns: 60 },
  )
})

test('a step of another loss does not interrupt what the guard counts, and gives a rule no losses', () => {
  const narrow = (step: number) => ({
    ...batchOf(step, { main: true, generator: false, auxiliary: false }),
    weighings: [weighing(1, { sumW2: Float64Array.of(1) })],
  })
  const options = { reach: 4, needsLosses: true, sampleEvery: 1, guard: { ...GUARD, cold: undefined } }
  let back = startFeedbackWindow()
  const backOffs: number[] = []
  for (let step = 0; step < 3 * GUARD.patience; step += 1) {
    const isMain = step % 2 === 0
    const batch = isMain ? narrow(step) : batchOf(step, { main: false, generator: true, auxiliary: false })
    back = addSteps(back, batch)
    back = { ...back, losses: new Map([[step, Float32Array.of(1, 2)]]) }
    const { after, backOff } = addKnownStep(back, back.reported.at(-1)!, options)
    back = { ...after, reported: [] }
    expect(back.seen.at(-1)!.losses === undefined).toBe(!isMain)
    expect(back.losses.size).toBe(0)
    if (backOff !== undefined) backOffs.push(backOff.step)
  }
  expect(backOffs).toEqual([2 * (GUARD.patience - 1)])
})
