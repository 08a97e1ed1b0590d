import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Command } from 'commander'
import { afterAll, expect, test } from 'vitest'
import { lsCommand } from '../../src/cli/commands/ls.js'
import type { Print } from '../../src/cli/output/print.js'
import { showCommand } from '../../src/cli/commands/show.js'
import type { AbsgdError } from '../../src/errors.js'
import { loadExperiment } from '../../src/experiment/files/load-experiment.js'
import { experimentOf } from '../../src/cli/experiment-of.js'
import { prepareRun } from '../../src/run/prepare.js'
import type { Manifest } from '../../src/record/manifest.js'
import { planRunSet } from '../../src/run/run-set.js'
import { bodiesOf } from '../integration/helpers.js'
import { readRunView } from '../../src/log/run-view.js'
import type { RunSummary } from '../../src/history/summarize-run.js'
import { cli, fixturePath, makeFolder, namesIn, startCli, until } from '../helpers/cli.js'

const runs = makeFolder()

/** No Python is anywhere to be found. */
const env = { ABSGD_PYTHON: '/nonexistent', PATH: '', VIRTUAL_ENV: undefined, CONDA_PREFIX: undefined }

afterAll(async () => {
  for (const run of namesIn(runs)) {
    const controller = (await summary(run)).pids?.controller
    if (typeof controller === 'number') process.kill(controller, 'SIGKILL')
  }
  rmSync(runs, { recursive: true, force: true })
})

function simulate(...more: readonly string[]): string[] {
  return ['run', fixturePath('simulated.ts'), '--runs', runs, '--simulate', ...more]
}

async function summary(run: string): Promise<RunSummary> {
  return (await readRunView(join(runs, run))).summary
}

async function printed(command: (print: Print) => Command, ...args: readonly string[]): Promise<string[]> {
  const lines: string[] = []
  await command((line) => lines.push(line)).parseAsync([...args, '--runs', runs], { from: 'user' })
  return lines
}

test('an experiment is tried without Python, and nobody takes its figures for real', async () => {
  const { code, stdout, stderr } = await cli(simulate('--name', 'tried', '--param', 'noise=0.2'), { env })
  expect(stderr).toBe('')
  expect(code).toBe(0)
  const lines = stdout.split('\n')
  expect(lines[0]).toBe('simulated: no model is trained; every figure is that of a toy')
  expect(stdout).toContain('\nsimulated: completed after 300 steps')
  expect(stdout).toMatch(/worker +simulated, 960 samples/)

  const manifest = JSON.parse(readFileSync(join(runs, 'tried/manifest.json'), 'utf8')) as { config: object }
  expect(manifest.config).toMatchObject({ simulated: true, task: 'no_such_module:build' })
  expect((await printed(showCommand, 'tried'))[0]).toBe(lines[0])
  expect((await printed(lsCommand)).join()).toContain('simulated: ')
  expect(await summary('tried')).toMatchObject({
    status: 'completed',
    steps: 300,
    lostSteps: 0,
    duplicatedSteps: 0,
    waits: 0,
    config: { simulated: true },
  })
  expect(namesIn(join(runs, 'tried/spool'))).toEqual([])
  expect(namesIn(join(runs, 'tried/checkpoints'))).toHaveLength(3)
})

test('Ctrl-C checkpoints, and resume simulates again from there', async () => {
  const { child, outcome } = startCli(simulate('--name', 'broken-off', '--ui', 'json', '--pace', '100'), {
    env,
  })
  for await (const line of createInterface(child.stdout!)) {
    if ((JSON.parse(line) as { type: string }).type !== 'report') continue
    child.kill('SIGINT')
    break
  }
  expect((await outcome).code).toBe(130)
  const before = await summary('broken-off')
  expect(before.status).toBe('interrupted')
  expect(before.checkpoints.at(-1)?.step).toBe(before.steps)
  expect(before.config.stepsPerSecond).toBe(100)

  const resumed = await cli(['resume', 'broken-off', '--runs', runs], { env })
  expect(resumed).toMatchObject({ code: 0, stderr: '' })
  expect(resumed.stdout.split('\n').slice(0, 2)).toEqual([
    'simulated: no model is trained; every figure is that of a toy',
    'broken-off goes on',
  ])
  expect(resumed.stdout).toContain(`attempt 2 goes on after ${before.steps} steps`)
  const after = await summary('broken-off')
  expect(after).toMatchObject({
    status: 'completed',
    attempt: 2,
    steps: 300,
    lostSteps: 0,
    duplicatedSteps: 0,
  })
})

test('a detached one is paused, killed with its controller, and taken up where its log ends', async () => {
  const args = simulate('--name', 'away', '--detach', '--pace', '100', '--param', 'length=1000000')
  expect(await cli(args, { env })).toEqual({ code: 0, stdout: 'away\n', stderr: '' })
  await until(runs, 'away', ({ steps, phase }) => steps > 0 && phase === 'training')
  await cli(['pause', 'away', '--runs', runs], { env })
  await cli(['checkpoint', 'away', '--runs', runs], { env })
  const { steps: there } = await until(runs, 'away', ({ phase }) => phase === 'paused')
  await cli(['step', 'away', '-n', '2', '--runs', runs], { env })
  const { pids } = await until(runs, 'away', ({ steps, phase }) => steps === there + 2 && phase === 'paused')
  expect(pids!.worker).toBe(pids!.controller)
  process.kill(pids!.controller!, 'SIGKILL')
  // Its worker went with it: there is none to join, and the steps after the checkpoint are trained again.
  const { child, outcome } = startCli(['resume', 'away', '--runs', runs, '--ui', 'json'], { env })
  for await (const line of createInterface(child.stdout!)) {
    if ((JSON.parse(line) as { type: string }).type !== 'report') continue
    child.kill('SIGINT')
    break
  }
  expect((await outcome).code).toBe(130)
  const after = await summary('away')
  expect(after).toMatchObject({ status: 'interrupted', attempt: 2, lostSteps: 0, duplicatedSteps: 0 })
  expect(after.steps).toBeGreaterThan(there)
  expect(await bodiesOf(join(runs, 'away'), 'rewind')).toMatchObject([
    { attempt: 2, toStep: there, cause: 'resume' },
  ])
})

test('a set of runs is simulated and compared under a name of its own; real runs do not go on with it', async () => {
  const { code, stdout } = await cli(simulate('--name', 'set', '--arm', 'all', '--seeds', '1'), { env })
  expect(code).toBe(0)
  expect(stdout.split('\n')[0]).toContain('no model is trained')
  expect(stdout).toContain('imagined (simulated)')
  const experiment = await loadExperiment(fixturePath('simulated.ts'))
  const real = planRunSet({ experiment, arms: ['all'], seeds: [0], name: 'set', runs })
  await expect(real).rejects.toThrow('simulated is true; asked for is not set')
})

test.each([
  ['a pace without a simulation', { pace: 5 }, 'only a simulated run has a pace: add --simulate'],
  ['a pace that is none', { simulate: true, pace: 0 }, 'it takes a number above 0'],
  ['a noise that is no share', { simulate: true, params: { noise: 3 } }, 'share of wrong labels'],
  ['a seed that is none', { simulate: true, params: { seed: -1 } }, 'a whole number from 0'],
])('%s is refused, and leaves nothing behind', async (_what, options, words) => {
  const folder = join(runs, 'refused')
  const experiment = await loadExperiment(fixturePath('simulated.ts'))
  const refusal = await prepareRun({ experiment, runs: folder, ...options }).catch((error: unknown) => error)
  expect(`${(refusal as AbsgdError).message} ${(refusal as AbsgdError).hint ?? ''}`).toContain(words)
  expect(namesIn(folder)).toEqual([])
})

test('--set takes the place of a control of the experiment, and is there again when the run is taken up', async () => {
  const { code } = await cli(simulate('--name', 'Set', '--set', 'lambda=-7', '--set', 'gamma=0.5'), { env })
  expect(code).toBe(0)
  expect(await summary('Set')).toMatchObject({ controls: { lambda: -7, gamma: 0.5 } })
  const manifest = JSON.parse(readFileSync(join(runs, 'Set/manifest.json'), 'utf8')) as Manifest
  expect(manifest.set).toEqual({ lambda: '-7', gamma: '0.5' })
  expect((await experimentOf(manifest)).controls['lambda']).toMatchObject({ shape: { value: -7 } })
})

test('a name that exists is numbered, which is said; --exact-name refuses it', async () => {
  const experiment = await loadExperiment(fixturePath('simulated.ts'))
  const said: string[] = []
  const make = (exactName: boolean) =>
    prepareRun({
      experiment,
      runs,
      simulate: true,
      name: 'Taken',
      exactName,
      onSetup: (line) => said.push(line),
    })
  expect((await make(false)).manifest.run).toBe('Taken')
  expect((await make(false)).manifest.run).toBe('Taken.2')
  expect((await make(false)).manifest.run).toBe('Taken.3')
  expect(said).toEqual([
    'a run named "Taken" exists: this one is "Taken.2"',
    'a run named "Taken" exists: this one is "Taken.3"',
  ])
  await expect(make(true)).rejects.toThrow('a run named "Taken" exists')
  for (const name of ['Taken', 'Taken.2', 'Taken.3']) rmSync(join(runs, name), { recursive: true })
})
