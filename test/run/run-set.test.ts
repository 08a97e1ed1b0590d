import { mkdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineExperiment } from '../../src/experiment/define-experiment.js'
import { off, steps } from '../../src/schedule/anneal.js'
import { planRunSet, type RunSetOptions } from '../../src/run/run-set.js'
import { ended, joined, started } from '../helpers/records.js'
import { temporaryRoot, writeRun } from '../helpers/runs.js'

const experiment = defineExperiment({
  name: 'Noisy digits',
  worker: { task: 'package.module:build' },
  params: z.object({ seed: z.number().int().default(4), lr: z.number().default(0.1) }),
  length: steps(100),
  controls: ({ params }) => ({ lambda: off(), lr: params.lr }),
  arms: { sgd: {}, annealed: { controls: { lambda: -5 } } },
})

function plan(root: string, options: Partial<RunSetOptions> = {}) {
  return planRunSet({ experiment, runs: root, ...options })
}

describe('a set of runs', () => {
  test('has a name for every arm and seed, arms first, and the same one every time', async () => {
    const root = temporaryRoot()
    const { runs } = await plan(root, { arms: ['sgd', 'annealed'], seeds: [200, 3] })
    expect(runs.map(({ manifest }) => [manifest.run, manifest.arm, manifest.params['seed']])).toEqual([
      ['Noisy-digits-sgd-seed200', 'sgd', 200],
      ['Noisy-digits-annealed-seed200', 'annealed', 200],
      ['Noisy-digits-sgd-seed3', 'sgd', 3],
      ['Noisy-digits-annealed-seed3', 'annealed', 3],
    ])
    expect(runs.map(({ dir }) => dir)).toEqual(runs.map(({ manifest }) => join(root, manifest.run)))
  })

  test('takes the seed of the parameters if none is given, and every arm for "all"', async () => {
    const { runs } = await plan(temporaryRoot(), { arms: ['all'], params: { lr: '0.5' } })
    expect(runs.map(({ dir }) => basename(dir))).toEqual([
      'Noisy-digits-sgd-seed4',
      'Noisy-digits-annealed-seed4',
    ])
  })

  test('without arms is the experiment itself, and can be given a name', async () => {
    const { runs } = await plan(temporaryRoot(), { seeds: [0, 1], name: 'second' })
    expect(runs.map(({ dir }) => basename(dir))).toEqual(['second-seed0', 'second-seed1'])
  })

  test('shortens names to the allowed length of a run’s name', async () => {
    const { runs } = await plan(temporaryRoot(), { arms: ['sgd'], seeds: [12], name: 'x'.repeat(64) })
    expect(basename(runs[0]!.dir)).toBe(`${'x'.repeat(57)}-seed12`)
    await expect(
      plan(temporaryRoot(), { arms: ['sgd', 'annealed'], seeds: [1], name: 'x'.repeat(64) }),
    ).rejects.toThrow(/two runs of this set would be called "x+-seed1"/)
  })

  test('finds the runs that exist, and their status', async () => {
    const root = temporaryRoot()
    const { runs } = await plan(root, { arms: ['sgd'], seeds: [0, 1] })
    await writeRun(root, [started(), joined(), ended(100)], runs[0]!.manifest)
    const again = await plan(root, { arms: ['sgd'], seeds: [0, 1] })
    expect(again.runs.map(({ summary }) => summary?.status)).toEqual(['completed', undefined])
  })
})

describe('refused is', () => {
  test('a run that exists with other settings, each named', async () => {
    const root = temporaryRoot()
    const { runs } = await plan(root, { arms: ['annealed'], seeds: [0] })
    await writeRun(root, [], runs[0]!.manifest)
    const refusal = plan(root, { arms: ['annealed'], seeds: [0], params: { lr: 0.2 } })
    await expect(refusal).rejects.toMatchObject({
      code: 'run-directory',
      message:
        'the run "Noisy-digits-annealed-seed0" exists with other settings:\n' +
        '  params.lr is 0.1; asked for is 0.2\n  controls.lr is "0.1"; asked for is "0.2"',
      hint: expect.stringMatching(/--name PREFIX .* remove .*Noisy-digits-annealed-seed0$/) as string,
    })
  })

  test('a folder of that name that is not a run', async () => {
    const root = temporaryRoot()
    mkdirSync(join(root, 'Noisy-digits-seed0'))
    await expect(plan(root, { seeds: [0] })).rejects.toMatchObject({ code: 'run-directory' })
  })

  test('a seed that is given twice', async () => {
    const refusal = plan(temporaryRoot(), { seeds: [0], params: { seed: '3' } })
    await expect(refusal).rejects.toThrow('--param seed=3 and --seeds both say the seed')
  })

  test('seeds for an experiment without a seed parameter', async () => {
    const seedless = defineExperiment({ name: 'plain', worker: { task: 'm:f' }, length: 5 })
    await expect(plan(temporaryRoot(), { experiment: seedless, seeds: [0] })).rejects.toMatchObject({
      code: 'usage',
      message: '--seeds needs a parameter "seed", and the experiment "plain" has none',
      hint: expect.stringContaining('seed: z.number()') as string,
    })
  })

  test('all arms of an experiment without arms, and an unknown arm', async () => {
    const armless = defineExperiment({ name: 'plain', worker: { task: 'm:f' }, length: 5 })
    await expect(plan(temporaryRoot(), { experiment: armless, arms: ['all'] })).rejects.toThrow(/has no arms/)
    await expect(plan(temporaryRoot(), { arms: ['sgd', 'anealed'] })).rejects.toThrow(
      /did you mean "annealed"/,
    )
  })
})
