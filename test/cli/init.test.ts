/** `absgd init`: what it prints and writes for a script, and what it refuses. */
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadExperiment } from '../../src/experiment/files/load-experiment.js'
import { experimentText } from '../../src/experiment/files/experiment-text.js'
import { resolveExperiment } from '../../src/experiment/resolve-experiment.js'
import { cli, makeFolder } from '../helpers/cli.js'
import { PYTHON } from '../helpers/python.js'

const SCRIPT = `import argparse
from torch import nn

parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=3)
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--optimizer", default="it's", choices=["it's", "adam"])
parser.add_argument("--augment", action="store_true")
parser.add_argument("--root", required=True)
args = parser.parse_args()
for images, labels in loader:
    nn.functional.cross_entropy(model(images), labels).backward()
print(f"val acc {accuracy:.3f}")
`

function folderWith(text: string): string {
  // Below this package, so that the experiment finds "absgd".
  const dir = makeFolder()
  mkdirSync(join(dir, 'node_modules'))
  symlinkSync(process.cwd(), join(dir, 'node_modules', 'absgd'))
  symlinkSync(join(process.cwd(), 'node_modules', 'zod'), join(dir, 'node_modules', 'zod'))
  writeFileSync(join(dir, 'train.py'), text)
  return dir
}

const init = (dir: string, ...args: readonly string[]) =>
  cli(['init', 'train.py', '--python', PYTHON, ...args], { cwd: dir })

test('proposes lines to type and to change, and writes an experiment that resolves', async () => {
  const dir = folderWith(SCRIPT)
  const { code, stdout, stderr } = await init(dir, '--wrong', '0.3')
  expect(stderr).toBe('')
  expect(code).toBe(0)
  expect(stdout).toContain('absgd-run --recipe wrong-labels --wrong 0.3 --name first train.py --root …')
  expect(stdout).toContain('--ab --recipe wrong-labels --wrong 0.3 --seeds 3 --seed-arg --seed')
  expect(stdout).toContain("--metric-regex 'val acc[ =:]*([0-9.]+)'")
  expect(stdout).toContain('+for images, labels in absgd.track(loader):')
  expect(readFileSync(join(dir, 'train.py'), 'utf8')).toBe(SCRIPT)
  const resolved = resolveExperiment(await loadExperiment(join(dir, 'experiment.ts')), {
    arm: 'recipe',
    params: { root: '/data', augment: true },
  })
  expect(resolved.program).toMatchObject({
    kind: 'script',
    args: ['--seed', '3', '--lr', '0.1', '--optimizer', "it's", '--augment', '--root', '/data'],
  })
})

test('changes the script if it is asked to, once, and keeps an experiment that is there', async () => {
  const dir = folderWith(SCRIPT)
  expect((await init(dir, '--write')).code).toBe(0)
  const changed = readFileSync(join(dir, 'train.py'), 'utf8')
  expect(changed).toContain('import absgd_worker as absgd\n')
  expect(changed).toContain('in absgd.track(loader):')
  const again = await init(dir, '--write')
  expect(again.code).toBe(2)
  expect(again.stderr).toContain('experiment.ts exists')
  const forced = await init(dir, '--write', '--force')
  expect(forced.stdout).toContain('it uses absgd_worker already, and is not changed')
  expect(readFileSync(join(dir, 'train.py'), 'utf8')).toBe(changed)
})

test.each([
  ['train.py', 'def f(:', 'line 1: no Python'],
  ['train.py', 'print(1)', 'nothing in it trains'],
  ['train.ipynb', '{}', 'is a notebook'],
  ['missing.py', '', 'there is no file missing.py'],
])('%s with %j is refused, and nothing is written', async (name, text, words) => {
  const dir = makeFolder()
  if (name !== 'missing.py') writeFileSync(join(dir, name), text)
  const { code, stderr } = await cli(['init', name, '--python', PYTHON], { cwd: dir })
  expect(code).toBe(2)
  expect(stderr).toContain(words)
})

test('a share outside of its range is refused', async () => {
  const { code, stderr } = await init(folderWith(SCRIPT), '--wrong', '0.8')
  expect(code).toBe(2)
  expect(stderr).toContain('the share of wrong labels is 0.8')
})

test('a script without arguments needs no parameters', () => {
  const text = experimentText({ arguments: [] }, { name: 'a', script: 'a.py', recipe: 'rare-groups' })
  expect(text).not.toContain('zod')
  expect(text).toContain("recipe('rare-groups')")
})
