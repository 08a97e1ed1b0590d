import { expect, test } from 'vitest'
import { startFeedbackWindow, addSteps } from '../../../src/controller/state/feedback-window.js'
import { steps, weighing } from '../../helpers/records.js'

test('what a class factor does to the weights is no alarm: rules see the effective sample size before it', () => {
  const classMass = Float32Array.of(0.1, 0.9, 0.1, 0.9)
  const columns = { sumW2: Float64Array.of(0.5, 0.5), classMass, topClassShare: Float32Array.of(0.2, 0.2) }
  const bare = { kl: Float64Array.of(NaN, 0.1), ess: Float64Array.of(NaN, 24) }
  const batch = steps(0, 2, { weighings: [weighing(2, { ...columns, bare })] })
  const [without, balanced] = addSteps(startFeedbackWindow(), batch).reported
  expect(without!.essRatio).toBeCloseTo(1 / 0.5 / 32, 12)
  expect(without!.topClassMass).toBeCloseTo(0.9, 6)
  expect(balanced!.essRatio).toBe(24 / 32)
  expect(balanced!.topClassMass).toBeNaN()
})
