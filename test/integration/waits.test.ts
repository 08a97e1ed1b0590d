import { expect, test } from 'vitest'
import { launchTiny } from './helpers.js'

test('a run of 10⁵ tiny steps never waits for a row', async () => {
  const run = await launchTiny({ length: 100_000, record: { samples: 'off' } })
  const summary = await run.result
  expect(summary).toMatchObject({
    status: 'completed',
    steps: 100_000,
    waits: 0,
    lostSteps: 0,
    duplicatedSteps: 0,
  })
})
