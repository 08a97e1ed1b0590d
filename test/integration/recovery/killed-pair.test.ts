/** The process that trains is killed, alone or together with its courier: no step that it had reported is lost. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { bodiesOf, launchTiny } from '../helpers.js'

// The fault comes in step 20.
const REPORTED = 19

describe.each([
  ['the process that trains is killed', 'suicide'],
  ['its courier is killed with it', 'both-killed'],
])('when %s', (_name, fault) => {
  test('every step that it reported is in the log, and the run says how it ended', async () => {
    const run = await launchTiny({ length: 1000 }, { params: { fault } })
    const summary = await run.result
    expect(summary).toMatchObject({ status: 'failed', steps: REPORTED, lostSteps: 0, duplicatedSteps: 0 })
    expect(summary.reason).toContain(`the worker died (SIGKILL) after ${REPORTED} steps`)
    const samples = (await bodiesOf(run.dir, 'sample-batch')).flatMap(({ steps }) =>
      steps.map(({ step }) => step),
    )
    expect(samples).toEqual(Array.from({ length: REPORTED }, (_, step) => step))
    expect(readdirSync(join(run.dir, 'spool'))).toEqual([])
  })
})
