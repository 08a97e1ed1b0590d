import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { resolveExperiment } from '../../src/experiment/resolve-experiment.js'
import { launch, loadExperiment } from '../../src/index.js'
import { readRunView } from '../../src/log/run-view.js'
import { PYTHON, runsFolder } from '../integration/helpers.js'

const ROOT = join(import.meta.dirname, '../..')
const run = promisify(execFile)

describe.each([
  {
    name: 'noisy-digits',
    arm: 'annealed',
    metrics: ['val.accuracy', 'test.worst_class_accuracy', 'noise_auc'],
  },
  { name: 'hidden-subgroup', arm: 'lambda-1', metrics: ['test.accuracy', 'test.worst_digit'] },
  { name: 'long-tail', arm: 'balanced-softmax', metrics: ['test.accuracy', 'test.balanced_accuracy'] },
])('examples/$name', ({ name, arm, metrics }) => {
  const file = join(ROOT, 'examples', name, 'experiment.ts')

  test('resolves in every arm', async () => {
    const experiment = await loadExperiment(file)
    const arms = Object.keys(experiment.spec.arms)
    expect(arms).toContain(arm)
    for (const each of arms) expect(resolveExperiment(experiment, { arm: each }).arm).toBe(each)
  })

  test('trains an epoch and measures what it is about', async () => {
    const started = await launch(await loadExperiment(file), {
      arm,
      params: { epochs: 1, batchSize: 100 },
      runs: runsFolder(),
      python: PYTHON,
      threads: 1,
      handleSignals: false,
    })
    const { status, epochs, final } = await started.result
    expect({ status, epochs }).toEqual({ status: 'completed', epochs: 1 })
    expect(Object.keys(final)).toEqual(expect.arrayContaining(metrics))
  })
})

test('examples/scripted stops early, back at the step that was best', async () => {
  const runs = runsFolder()
  const env = { ...process.env, ABSGD_PYTHON: PYTHON, ABSGD_RUNS: runs, OMP_NUM_THREADS: '1' }
  const { stdout } = await run(process.execPath, [JITI, join(ROOT, 'examples/scripted/steer.ts'), '1'], {
    env,
  })
  const { summary } = await readRunView(join(runs, 'scripted-1'))
  expect(summary).toMatchObject({ status: 'stopped', attempt: 2 })
  const accuracies = [...stdout.matchAll(/validation (\S+)/g)].map(([, value]) => Number(value))
  expect(accuracies.length).toBeGreaterThan(0)
  expect(summary.final['val.accuracy']).toBeCloseTo(Math.max(...accuracies), 3)
  expect(stdout).toContain(`test accuracy ${summary.final['test.accuracy']!.toFixed(3)}`)
})

const JITI = join(ROOT, 'node_modules/jiti/lib/jiti-cli.mjs')
