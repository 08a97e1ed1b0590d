/** `absgd ab`: pairs of simulated runs, the answer, and what is wrong with a command line. */
import { expect, test } from 'vitest'
import { abCommand } from '../../src/cli/commands/ab.js'
import { cli, jsonLines, makeFolder, namesIn } from '../helpers/cli.js'

const EXPERIMENT = 'test/cli/fixtures/tiny.ts'

const ab = (runs: string, ...args: readonly string[]) =>
  cli(['ab', EXPERIMENT, '--simulate', '--runs', runs, '--seeds', '2', ...args])

test('a recipe is trained against λ off, paired by seed, and nothing twice', async () => {
  const runs = makeFolder()
  const recipe = ['--recipe', 'wrong-labels', '--wrong', '0.2', '--param', 'length=300', '--jobs', '2']
  const first = await ab(runs, ...recipe)
  expect(first.stderr).toBe('')
  expect(first.code).toBe(0)
  expect(namesIn(runs).toSorted()).toEqual(
    ['lambda', 'off'].flatMap((arm) => [0, 1].map((seed) => `tiny-ab-${arm}-seed${seed}`)),
  )
  expect(first.stdout).toMatch(/^off {5}val\.accuracy [\d.]+ ± [\d.]+$/m)
  expect(first.stdout).toMatch(/^better by [+-][\d.e-]+, paired by seed, 2 seeds$/m)
  expect(first.stdout).toMatch(/^lambda cannot tell yet: 1 more seed at least$/m)
  expect(first.stdout).toContain('if the labels of the metric are wrong, too')

  const again = await ab(runs, ...recipe, '--ui', 'json')
  expect(again.code).toBe(0)
  const answer = jsonLines(again.stdout).at(-1)
  expect(answer).toMatchObject({ type: 'ab', metric: 'val.accuracy', seeds: 2, missing: 0 })
  expect(again.stdout).not.toContain('started')
})

test('two arms are compared under the names that absgd run gives them', async () => {
  const runs = makeFolder()
  const { code, stdout } = await ab(runs, '--arm', 'gentle,hasty', '--metric', 'val.loss')
  expect(code).toBe(0)
  expect(namesIn(runs)).toContain('tiny-hasty-seed1')
  expect(stdout).toMatch(/^hasty cannot tell yet/m)
})

test.each([
  [[], 'nothing is compared'],
  [['--wrong', '0.2'], '--wrong belongs to a recipe'],
  [['--recipe', 'rare-groups', '--wrong', '0.2'], 'no part of the recipe rare-groups'],
  [['--recipe', 'wrong-labels', '--wrong', '0.9'], 'the share of wrong labels is 0.9'],
  [['--recipe', 'wrong-labels', '--lambda', '-2'], '--recipe and --lambda both set λ'],
  [['--lambda', '-2', '--arm', 'gentle,hasty'], 'two arms, and a λ besides'],
  [['--lambda', '-2', '--set', 'lambda=-3'], 'lambda is set twice'],
  [['--lambda', '-2', '--matters', '0'], '--matters is 0'],
  [['--lambda', '-2x'], '-2x'],
])('%j is refused before anything is trained', async (args, words) => {
  const runs = makeFolder()
  const typed = [EXPERIMENT, '--simulate', '--runs', runs, ...args]
  await expect(abCommand().parseAsync(typed, { from: 'user' })).rejects.toThrow(words)
  expect(namesIn(runs)).toEqual([])
})

test('a metric that no run has is said with those that there are', async () => {
  const { code, stderr } = await ab(makeFolder(), '--lambda', '-2', '--metric', 'val.acuracy')
  expect(code).toBe(2)
  expect(stderr).toContain('no run has the metric "val.acuracy"')
  expect(stderr).toContain('did you mean val.accuracy')
})
