import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { resolveExperiment } from '../../src/experiment/resolve.js'
import { loadExperiment } from '../../src/index.js'

const ROOT = join(import.meta.dirname, '../..')
const PAGES = ['docs/when.md', 'docs/results.md', 'examples/README.md']

describe.each(PAGES)('every command of %s', (page) => {
  const commands = [...readFileSync(join(ROOT, page), 'utf8').matchAll(/absgd run (examples\/[^`\n|]+)/g)]

  test('trains arms that exist, with parameters that fit', async () => {
    expect(commands.length).toBeGreaterThan(0)
    for (const [, command] of commands) {
      const { file, arms, params } = parts(command!)
      const experiment = await loadExperiment(join(ROOT, file))
      expect(arms.length).toBeGreaterThan(0)
      for (const arm of arms) resolveExperiment(experiment, { arm, params })
    }
  })
})

/** The experiment, the arms and the parameters of what follows "absgd run". */
function parts(command: string) {
  const [file = '', ...words] = command.trim().split(' ')
  const after = (flag: string) => words.flatMap((word, i) => (words[i - 1] === flag ? [word] : []))
  const arms = after('--arm').flatMap((names) => names.split(','))
  const params = Object.fromEntries(after('--param').map((pair) => pair.split('=', 2)))
  return { file, arms, params }
}
