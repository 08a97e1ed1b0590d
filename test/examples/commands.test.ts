import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { resolveExperiment } from '../../src/experiment/resolve-experiment.js'
import { loadExperiment } from '../../src/index.js'

const ROOT = join(import.meta.dirname, '../..')

interface Command {
  readonly file: string
  readonly arms: readonly string[]
  readonly params: Readonly<Record<string, string>>
}

test.each(['docs/when.md', 'docs/results.md', 'docs/schedules.md', 'examples/README.md', 'README.md'])(
  'every command of %s that trains an example names arms that exist, and parameters that fit',
  async (page) => {
    const commands = commandsOf(readFileSync(join(ROOT, page), 'utf8'))
    expect(commands.length).toBeGreaterThan(0)
    for (const { file, arms, params } of commands) {
      const experiment = await loadExperiment(join(ROOT, file))
      expect(arms.length).toBeGreaterThan(0)
      for (const arm of arms) expect(resolveExperiment(experiment, { arm, params }).arm).toBe(arm)
    }
  },
)

function commandsOf(page: string): Command[] {
  return Array.from(page.matchAll(/absgd run (examples\/[^`\n|]+)/g), (match) => partsOf(match[1] ?? ''))
}

function partsOf(command: string): Command {
  const words = command.trim().split(' ')
  const after = (flag: string): string[] => words.filter((_, i) => words[i - 1] === flag)
  const pairs = after('--param').map((pair): [string, string] => {
    const cut = pair.indexOf('=')
    return [pair.slice(0, cut), pair.slice(cut + 1)]
  })
  return {
    file: words[0] ?? '',
    arms: after('--arm').flatMap((names) => names.split(',')),
    params: Object.fromEntries(pairs),
  }
}
