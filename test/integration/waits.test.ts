import { expect, test } from 'vitest'
import { launchTiny } from './helpers.js'

test('a run of 10,000 tiny steps never waits for a row', async () => {
  const run = await launchTiny({ length: 10_000, record: { samples: 'off' } })
  const summary = await run.result
  expect(summary).toMatchObject({
    status: 'completed',
    steps: 10_000,
    waits: 0,
    lostSteps: 0,
    duplicatedSteps: 0,
  })
})
