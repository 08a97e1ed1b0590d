import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '..')
const read = (path: string) => readFileSync(join(root, path), 'utf8')
const manifest = JSON.parse(read('package.json')) as {
  scripts: Record<string, string>
  engines: { node: string }
}
const workflow = read('.github/workflows/ci.yml')
const commands = [...workflow.matchAll(/^ +- run: (.+)$/gm)].map(([, command]) => command!)

test('the workflow runs what .ci/run does, in its order, and every script of it exists', () => {
  const own = read('.ci/run').match(/^npm .+$/gm)
  expect(commands).toEqual(own)
  for (const command of commands) {
    const [npm, verb, script = verb] = command.split(' ')
    expect(npm).toBe('npm')
    if (verb !== 'ci') expect(manifest.scripts).toHaveProperty(script!)
  }
})

test('the workflow begins with the oldest Node that the package takes', () => {
  const versions = /^ +node: \[(.+)\]$/m.exec(workflow)?.[1]?.split(', ').map(Number)
  expect(versions).toEqual([20, 22, 24])
  expect(manifest.engines.node).toMatch(new RegExp(`^>=${versions![0]!}\\.`))
})

test('every action is fixed to a major version', () => {
  const actions = [...workflow.matchAll(/uses: (\S+)/g)].map(([, action]) => action)
  expect(actions.length).toBeGreaterThan(0)
  for (const action of actions) expect(action).toMatch(/^[\w-]+\/[\w-]+@v\d+$/)
})
