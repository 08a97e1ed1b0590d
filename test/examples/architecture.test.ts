import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'

const ROOT = join(import.meta.dirname, '../..')
const PAGE = readFileSync(join(ROOT, 'docs/architecture.md'), 'utf8')

/** The ways of the page "One way to read a step": a heading, then numbered lines of `file` `function`. */
const WAYS = PAGE.split(/^## One way to read a step$/m)[1]!
  .split(/^## /m)[0]!
  .split(/^### /m)
  .slice(1)
  .map((text) => ({
    title: text.slice(0, text.indexOf('\n')),
    places: [...text.matchAll(/^\d+\. `([^`]+)` `([^`]+)`/gm)].map(([, file, name]) => ({
      file: file!,
      name: name!,
    })),
  }))

test('the page walks a lambda, a loss and an edit', () => {
  expect(WAYS.map(({ places }) => places.length >= 8)).toEqual([true, true, true])
})

describe.each(WAYS)('$title', ({ places }) => {
  test.each(places)('$file defines $name', ({ file, name }) => {
    expect(definitionOf(name, file).test(readFileSync(join(ROOT, file), 'utf8'))).toBe(true)
  })
})

test('every file and folder that the page names exists', () => {
  const named = [
    ...PAGE.matchAll(/`((?:src|test|proto|python-worker|docs|examples|bench|scripts)\/[\w./-]*)`/g),
  ]
  const missing = named.map(([, path]) => path!).filter((path) => !existsSync(join(ROOT, path)))
  expect(named.length).toBeGreaterThan(30)
  expect(missing).toEqual([])
})

/** `Class.method` in Python, else a function, class, constant or type of either language. */
function definitionOf(name: string, file: string): RegExp {
  const last = name.split('.').at(-1)!
  if (file.endsWith('.py')) return new RegExp(`^ *(?:def|class) ${last}\\b`, 'm')
  return new RegExp(`^export (?:async )?(?:function\\*?|const|class|interface|type) ${last}\\b`, 'm')
}
