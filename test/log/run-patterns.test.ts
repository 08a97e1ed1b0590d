import fc from 'fast-check'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { isPattern, selectRuns } from '../../src/log/select-runs.js'

const root = mkdtempSync(join(tmpdir(), 'absgd-patterns-'))
const names = ['a', 'a.b', 'ab', 'a-b', 'a_b2', 'b1', 'b2', 'b.10']

beforeAll(() => {
  for (const name of names) {
    mkdirSync(join(root, name))
    writeFileSync(join(root, name, 'steps.log'), '')
  }
})

afterAll(() => {
  rmSync(root, { recursive: true })
})

function selected(pattern: string): string[] {
  try {
    return selectRuns(root, [pattern])
      .map((dir) => basename(dir))
      .sort()
  } catch {
    return []
  }
}

test.each([
  ['b[12]', ['b1', 'b2']],
  ['{ab,b?}', ['ab', 'b1', 'b2']],
  ['*', names],
  ['b*0', ['b.10']],
])('the pattern %j selects %j', (pattern, expected) => {
  expect(selected(pattern)).toEqual(expected.toSorted())
})

test('a star is any text, a question mark is any character, and every other character of a name is itself', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom('a', 'b', '1', '2', '.', '-', '_', '*', '?'), { minLength: 1 }),
      (parts) => {
        const pattern = parts.join('')
        fc.pre(isPattern(pattern))
        const literal = pattern.replaceAll('.', '\\.').replaceAll('*', '.*').replaceAll('?', '.')
        const expression = new RegExp(`^${literal}$`)
        expect([pattern, selected(pattern)]).toEqual([
          pattern,
          names.filter((name) => expression.test(name)).toSorted(),
        ])
      },
    ),
  )
})

test('a name without such characters is no pattern', () => {
  expect(names.filter(isPattern)).toEqual([])
})
