import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { resolveExperiment } from '../../src/experiment/resolve.js'
import { loadExperiment } from '../../src/experiment/files/load.js'
import { readManifest } from '../../src/log/directory.js'
import { readAll } from '../../src/log/reader.js'
import { readRunSummary } from '../../src/log/run-summary.js'
import { forkRun } from '../../src/run/fork.js'
import { replayRun } from '../../src/run/replay.js'
import { temporaryRoot } from '../helpers/runs.js'

/** Runs that version 0.1.0 wrote: simulated, served by a Python worker, and recorded by a script. They are never written again. */
const RELEASED = fileURLToPath(new URL('../fixtures/released-0.1.0', import.meta.url))

function releasedRuns(): string {
  const folder = temporaryRoot()
  cpSync(RELEASED, folder, { recursive: true })
  return folder
}

test.each([
  ['simulated', { steps: 60, status: 'completed', checkpoints: 3, edits: 1 }],
  ['served', { steps: 57, status: 'stopped', checkpoints: 3, edits: 1 }],
  ['script', { steps: 12, status: 'lost', checkpoints: 0, edits: 0 }],
])('the log of a %s run of version 0.1.0 is read to its end', async (name, facts) => {
  const folder = releasedRuns()
  const dir = join(folder, name)
  const { records, damage } = await readAll(dir)
  expect(damage).toEqual([])
  const count = (type: string) => records.filter(({ body }) => body.type === type).length
  const { status, steps } = await readRunSummary(dir)
  expect({ steps, status, checkpoints: count('checkpoint-written'), edits: count('edited') }).toEqual(facts)
  expect(count('sample-batch')).toBeGreaterThan(0)
})

test('a run of version 0.1.0 is replayed without a difference in any bit', async () => {
  const folder = releasedRuns()
  const replay = await replayRun(join(folder, 'simulated'), {
    resolved: await resolved(folder),
    name: 'again',
  })
  expect(replay).toMatchObject({ steps: 60, replayed: 60 })
  expect(replay.difference ?? replay.evaluation ?? replay.planning).toBeUndefined()
})

test('a run of version 0.1.0 is forked from its checkpoint', async () => {
  const folder = releasedRuns()
  const options = { resolved: await resolved(folder), name: 'fork', at: 40, edits: [], why: '' }
  expect(await forkRun(join(folder, 'simulated'), options)).toMatchObject({ at: 40 })
})

async function resolved(folder: string) {
  const { params } = readManifest(join(folder, 'simulated'))
  return resolveExperiment(await loadExperiment(join(folder, 'experiment.ts')), { params })
}
