import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

interface Feature {
  readonly name: string
  readonly file: string
  readonly find: string
  readonly put: string
  readonly tests: readonly string[]
}

const root = join(import.meta.dirname, '..')
const features = JSON.parse(
  readFileSync(join(root, 'scripts/broken-features.json'), 'utf8'),
) as readonly Feature[]

test('scripts/broken-features.json names at least 40 features', () => {
  expect(new Set(features.map(({ name }) => name)).size).toBe(features.length)
  expect(features.length).toBeGreaterThanOrEqual(40)
})

test.each(features)('can be broken in one place: $name', ({ file, find, put, tests }) => {
  expect(readFileSync(join(root, file), 'utf8').split(find)).toHaveLength(2)
  expect(put).not.toBe(find)
  expect(tests.filter((test) => !existsSync(join(root, test)))).toEqual([])
})
