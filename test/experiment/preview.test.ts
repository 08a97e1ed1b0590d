import { describe, expect, test } from 'vitest'
import { compileRun } from '../../src/experiment/run-schedule.js'
import { defineExperiment, type ExperimentSpec } from '../../src/experiment/define-experiment.js'
import { previewRun, type Preview, type PreviewOptions } from '../../src/experiment/preview.js'
import { resolveExperiment } from '../../src/experiment/resolve-experiment.js'
import { cosine, exponential, off, steps } from '../../src/schedule/anneal.js'
import { join } from '../../src/schedule/combine-schedules.js'
import { epochs, every, untilStopped } from '../../src/schedule/duration.js'

const ANNEALED = {
  lambda: join(off().for(epochs(5)), exponential({ init: -5, end: -0.5, over: epochs(10) })),
  lr: cosine({ init: 0.05, over: epochs(60) }),
}

function resolved(spec: Partial<ExperimentSpec> = {}) {
  const rest = { length: epochs(60), checkpoint: every(epochs(20)), controls: ANNEALED, ...spec }
  return resolveExperiment(defineExperiment({ name: 'x', worker: { task: 'm:f' }, ...rest }))
}

function preview(spec: Partial<ExperimentSpec> = {}, options: PreviewOptions = {}): Preview {
  return previewRun(resolved(spec), options)
}

function control({ controls }: Preview, name: string) {
  return controls.find((one) => one.name === name)!
}

describe('with the steps of an epoch', () => {
  const seen = preview({}, { stepsPerEpoch: 32 })

  test('values are those of the plan, at every point and along the curve', () => {
    const { rows, runSteps } = compileRun(resolved(), { stepsPerEpoch: 32 })
    expect(seen).toMatchObject({ unit: 'step', length: 1920, stepsPerEpoch: 32 })
    for (const { name, values, curve } of seen.controls) {
      const planned = rows(0, runSteps)[name]!
      const at = (step: number) => planned[planned.length === 1 ? 0 : step]
      expect(values).toEqual(seen.at.map(at))
      // The curve ends where the run does: after its last step.
      expect([...curve.y]).toEqual([...curve.x].map((step) => at(Math.min(step, runSteps - 1))))
      expect(curve.x.at(-1)).toBe(runSteps)
    }
  })

  test('points are where curves begin and end, their quarters, and the last step', () => {
    expect(seen.at).toEqual([0, 160, 240, 320, 400, 480, 960, 1439, 1919])
    expect(control(seen, 'lambda').values.slice(0, 2)).toEqual([Infinity, -5])
  })

  test('both sides of a jump are drawn', () => {
    const { x, y } = control(seen, 'lambda').curve
    expect(y[x.indexOf(159)]).toBe(Infinity)
    expect(y[x.indexOf(160)]).toBe(-5)
  })

  test('points that are asked for may be steps and epochs; the end of the last epoch is the last step', () => {
    const asked = preview({}, { stepsPerEpoch: 32, at: [epochs(60), epochs(2.5), steps(0), steps(80)] })
    expect(asked.at).toEqual([0, 80, 1919])
  })

  test('evaluations and checkpoints come after so many steps, the end included', () => {
    expect(seen.evaluate).toHaveLength(60)
    expect(seen.evaluate!.slice(0, 2)).toEqual([32, 64])
    expect(seen.checkpoint).toEqual([640, 1280, 1920])
  })

  test('a lambda that spans a decade is logarithmic, a cosine to 0 is not, and what stays is constant', () => {
    const facts = (name: string) => {
      const { logarithmic, constant } = control(seen, name)
      return { logarithmic, constant }
    }
    expect(facts('lambda')).toEqual({ logarithmic: true, constant: false })
    expect(facts('lr')).toEqual({ logarithmic: false, constant: false })
    expect(facts('gamma')).toEqual({ logarithmic: false, constant: true })
  })
})

describe('without the steps of an epoch', () => {
  test('what speaks in epochs alone is told in epochs', () => {
    const seen = preview()
    expect(seen).toMatchObject({ unit: 'epoch', length: 60, stepsPerEpoch: null })
    expect(seen.at).toEqual([0, 5, 7.5, 10, 12.5, 15, 30, 45, 60])
    expect(seen.evaluate!.slice(0, 2)).toEqual([1, 2])
    expect(seen.checkpoint).toEqual([20, 40, 60])
    const lambda = control(seen, 'lambda').values
    expect(lambda[0]).toBe(Infinity)
    expect(lambda[1]).toBe(-5)
    expect(lambda[3]).toBeCloseTo(-Math.sqrt(2.5), 6)
    expect(lambda.at(-1)).toBe(-0.5)
    expect(control(seen, 'lr').values.at(-1)).toBeCloseTo(0, 12)
  })

  test('what speaks in steps alone is told in steps; when every epoch ends is then not known', () => {
    const controls = { lambda: off(), lr: cosine({ init: 1, over: steps(100) }) }
    const seen = preview({ length: steps(100), checkpoint: every(steps(40)), controls })
    expect(seen).toMatchObject({ unit: 'step', length: 100, stepsPerEpoch: null, evaluate: null })
    expect(seen.checkpoint).toEqual([40, 80, 100])
  })

  test('what speaks in both is refused, with where each is and how to go on', () => {
    expect(() => preview({ length: steps(100) })).toThrow(
      expect.objectContaining({
        code: 'usage',
        message:
          '"x" speaks of epochs (checkpoint: 20 epochs) and of steps (length: 100 steps): a plan needs the steps of an epoch',
        hint: expect.stringMatching(/^give --steps-per-epoch N: the training samples divided by/) as string,
      }),
    )
  })

  test('points of the other kind are refused', () => {
    expect(() => preview({}, { at: [steps(100)] })).toThrow('100 steps cannot be placed')
    const inSteps = { length: steps(9), checkpoint: 'end', controls: {} } as const
    expect(() => preview(inSteps, { at: [epochs(5)] })).toThrow('5 epochs cannot be placed')
  })

  test('warnings speak in epochs too', () => {
    const { warnings } = preview({ controls: { lr: cosine({ init: 1, over: epochs(90) }) } })
    expect(warnings).toEqual([
      'lr is not through at the end of the run (60 epochs): "cosine 1 → 0 over 90 epochs" would come to its last value at epoch 90',
    ])
  })
})

describe('a run', () => {
  test('that starts with a small lambda and no ramp is warned about', () => {
    expect(preview({ controls: { lambda: -0.5 } }).warnings[0]).toMatch(
      /lambda is -0\.5 from the first step on/,
    )
  })

  test('without end is shown past its last breakpoint, and has no last evaluation', () => {
    const seen = preview({ length: untilStopped() })
    expect(seen).toMatchObject({ length: null, shown: 75 })
    expect(seen.checkpoint).toEqual([20, 40, 60])
    expect(preview({ length: untilStopped(), controls: {} }, { at: [epochs(200)] }).shown).toBe(250)
  })

  test('has no values outside of it', () => {
    expect(() => preview({}, { at: [epochs(61)] })).toThrow('61 epochs lie outside the run')
    expect(() => preview({}, { stepsPerEpoch: 32, at: [steps(1920)] })).toThrow(
      '1920 steps lie outside the run',
    )
  })
})
