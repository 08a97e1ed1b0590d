import { expect, test } from 'vitest'
import { launchTiny } from './helpers.js'

/** More than one window of plans, which has 4,096 rows. */
test('a run of 5,000 tiny steps never waits for a row', async () => {
  const run = await launchTiny({ length: 5_000, record: { samples: 'off' } })
  const summary = await run.result
  expect(summary).toMatchObject({
    status: 'completed',
    steps: 5_000,
    waits: 0,
    lostSteps: 0,
    duplicatedSteps: 0,
  })
})
