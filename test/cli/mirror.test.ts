/** `absgd mirror` and `absgd run --mirror`, with the package of TensorBoard alone, or with a stand-in for one that is missing. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { launch } from '../../src/index.js'
import { readRunView } from '../../src/log/run-view.js'
import { tiny } from '../integration/helpers.js'
import { cli, makeFolder, runArgs } from '../helpers/cli.js'
import { PYTHON } from '../helpers/python.js'

async function simulatedRun(runs: string): Promise<string> {
  const run = await launch(tiny({ length: 60, checkpoint: 'end' }), {
    runs,
    name: 'toy',
    simulate: true,
    handleSignals: false,
  })
  await run.result
  return run.dir
}

const mirror = (runs: string, ...args: readonly string[]) =>
  cli(['mirror', 'toy', '--runs', runs, '--python', PYTHON, ...args])

test('a finished run is written to TensorBoard once, and show says where', async () => {
  const runs = makeFolder()
  const dir = await simulatedRun(runs)
  const first = await mirror(runs, '--to', 'tensorboard')
  expect(first.stderr).toBe('')
  expect(first.code).toBe(0)
  expect(first.stdout).toContain(`tensorboard: tensorboard --logdir ${join(dir, 'tensorboard')}`)
  const known = () => JSON.parse(readFileSync(join(dir, 'mirrors.json'), 'utf8')) as unknown
  const before = known()
  await mirror(runs, '--to', 'tensorboard')
  expect(known()).toEqual(before)
  expect(readdirSync(join(dir, 'tensorboard'))).toHaveLength(1)
  const shown = await cli(['show', 'toy', '--runs', runs])
  expect(shown.stdout).toMatch(/^ {2}tensorboard {2}tensorboard --logdir/m)
  const json = JSON.parse((await cli(['show', 'toy', '--runs', runs, '--json'])).stdout) as object
  expect(json).toMatchObject({ mirrors: [{ name: 'tensorboard', place: join(dir, 'tensorboard') }] })
})

test('a run that is given a mirror is written while it trains', async () => {
  const runs = makeFolder()
  const { code } = await cli([
    ...runArgs('tiny.ts', runs, '--name', 'live', '--mirror', 'tensorboard', '--param', 'length=40'),
  ])
  expect(code).toBe(0)
  const dir = join(runs, 'live')
  expect((await readRunView(dir)).manifest.config.mirror).toEqual(['tensorboard'])
  // The mirror ends after the run.
  await expect.poll(() => existsSync(join(dir, 'mirrors.json')), { timeout: 20_000 }).toBe(true)
})

test.each([
  [['--to', 'comet'], 'There is no mirror "comet": give some of tensorboard, wandb, mlflow.'],
  [[], "required option '--to <tools>' not specified"],
])('%j is refused', async (args, words) => {
  const runs = makeFolder()
  await simulatedRun(runs)
  const { code, stderr } = await mirror(runs, ...args)
  expect(code).toBe(2)
  expect(stderr).toContain(words)
})
