/** What the guard says without an edit. */
import { expect, test } from 'vitest'
import { initialState } from '../../../src/controller/state/state.js'
import type { Body, StepBatch } from '../../../src/record/record.js'
import { GUARD } from '../../../src/schedule/feedback/guard.js'
import { appended, context, drive, hello, stepBatch } from '../../helpers/controller.js'
import { weighing } from '../../helpers/records.js'

/** Steps under a small λ > 0 in which half of the samples or fewer count, and nothing is learnt. */
function stalled(first: number): StepBatch {
  const filled = (value: number) => new Float64Array(5).fill(value)
  return {
    ...stepBatch(first, 5),
    controls: { lambda: filled(0.5) },
    weighings: [weighing(5, { meanLoss: filled(2), sumW2: filled(0.5) })],
  }
}

test('what may be no collapse is said once as a warning, and λ stays as it is', () => {
  const controller = drive(initialState(), { ...context, guard: GUARD })
  controller.message(hello())
  const bodies: Body[] = []
  for (let step = 0; step < 90; step += 5) bodies.push(...appended(controller.telemetry(stalled(step))))
  expect(bodies.filter(({ type }) => type === 'note')).toMatchObject([
    { level: 'warning', text: expect.stringMatching(/may collapse .* little is learnt/) as string },
  ])
  expect(bodies.filter(({ type }) => type === 'edited' || type === 'requested')).toEqual([])
})
