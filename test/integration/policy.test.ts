import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readRunView } from '../../src/log/run-view.js'
import { bodiesOf, launchTiny, PYTHON, runsFolder, TINY } from './helpers.js'

const CLI = join(import.meta.dirname, '../../dist/cli/main.js')

test('onReport of an experiment file steers a run of "absgd run"', async () => {
  const runs = runsFolder()
  const file = join(runs, 'experiment.ts')
  writeFileSync(
    file,
    `import { defineExperiment } from 'absgd'
     export default defineExperiment({
       name: 'policy', worker: { task: ${JSON.stringify(TINY)} }, length: 1_000_000, evaluate: 'end', checkpoint: 'end',
       onReport(report, run) { if (report.step === 50) void run.stop() },
     })`,
  )
  const flags = ['--runs', runs, '--python', PYTHON, '--threads', '1', '--ui', 'none', '--name', 'policy']
  execFileSync(process.execPath, [CLI, 'run', file, ...flags], { timeout: 120_000 })
  const { summary } = await readRunView(join(runs, 'policy'))
  expect(summary.status).toBe('stopped')
  expect(summary.steps).toBeGreaterThan(50)
  expect(await bodiesOf(join(runs, 'policy'), 'requested')).toMatchObject([{ request: { by: 'script' } }])
})

test.each([
  [
    'throws',
    () => {
      throw new Error('a bad idea')
    },
  ],
  ['rejects', () => Promise.reject(new Error('a bad idea'))],
])('an onReport that %s is not called again: the run goes on, and its log says so', async (_how, fault) => {
  let calls = 0
  const run = await launchTiny({
    length: 600,
    onReport: () => {
      calls += 1
      return fault()
    },
  })
  expect(await run.result).toMatchObject({ status: 'completed', steps: 600 })
  const notes = await bodiesOf(run.dir, 'note')
  expect(notes.filter(({ text }) => text.includes('a bad idea'))).toHaveLength(1)
  expect(calls).toBeLessThan(600)
})
