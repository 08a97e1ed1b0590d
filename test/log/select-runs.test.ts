import { mkdirSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { selectRun, selectRuns } from '../../src/log/select-runs.js'
import type { AbsgdError } from '../../src/errors.js'
import { temporaryRoot, writeRun } from '../helpers/runs.js'

async function runsOfTwo(): Promise<string> {
  const root = temporaryRoot()
  const createdAt = (day: number) => `2025-01-0${day}T00:00:00.000Z`
  await writeRun(root, [], { run: 'sgd-2', arm: 'sgd', createdAt: createdAt(1) })
  await writeRun(root, [], { run: 'sgd-1', arm: 'sgd', createdAt: createdAt(2) })
  await writeRun(root, [], { run: 'gce-1', arm: 'gce', createdAt: createdAt(3) })
  await writeRun(root, [], { run: 'other-1', experiment: 'other', createdAt: createdAt(4) })
  return root
}

function names(root: string, ...selectors: string[]): string[] {
  return selectRuns(root, selectors).map((dir) => basename(dir))
}

describe('runs are selected', () => {
  test('by name, by path, by pattern, by experiment and by arm; the oldest first, each once', async () => {
    const root = await runsOfTwo()
    expect(names(root, 'gce-1', join(root, 'sgd-1'))).toEqual(['gce-1', 'sgd-1'])
    expect(names(root, 'sgd-*')).toEqual(['sgd-2', 'sgd-1'])
    expect(names(root, '???-1')).toEqual(['sgd-1', 'gce-1'])
    expect(names(root, 'digits')).toEqual(['sgd-2', 'sgd-1', 'gce-1'])
    expect(names(root, 'digits/sgd', 'digits')).toEqual(['sgd-2', 'sgd-1', 'gce-1'])
  })

  test.each([
    ['gce-1', 'gce-1'],
    ['g*', 'gce-1'],
    ['other', 'other-1'],
    ['digits/gce', 'gce-1'],
  ])('one of them by %s', async (selector, name) => {
    expect(basename(selectRun(await runsOfTwo(), selector))).toBe(name)
  })

  test('and a command of one run takes no pattern of several: they are named', async () => {
    const root = await runsOfTwo()
    for (const selector of ['sgd-*', 'digits/sgd']) {
      const refusal = refusalOf(() => selectRun(root, selector))
      expect(refusal.message).toBe(`"${selector}" names 2 runs, and this command takes one`)
      expect(refusal.hint).toBe('name one of sgd-2, sgd-1')
    }
  })

  test('a folder that is no run is said to be none', async () => {
    const root = await runsOfTwo()
    mkdirSync(join(root, 'empty'))
    expect(refusalOf(() => selectRun(root, 'empty')).message).toMatch(
      /empty is no run: it has neither manifest/,
    )
  })

  test('beside one whose manifest is damaged', async () => {
    const root = await runsOfTwo()
    writeFileSync(join(root, 'sgd-1', 'manifest.json'), '{')
    expect(names(root, 'digits/sgd')).toEqual(['sgd-2'])
    expect(names(root, 'sgd-*').toSorted()).toEqual(['sgd-1', 'sgd-2'])
  })

  test.each([
    ['digitss', /no run and no experiment "digitss"/, /did you mean digits/],
    ['x-*', /no run matches "x-\*"/, /absgd ls/],
  ])('and not by %s, which is none: near ones are named', async (selector, message, hint) => {
    const root = await runsOfTwo()
    const refusal = refusalOf(() => names(root, selector))
    expect(refusal.message).toMatch(message)
    expect(refusal.hint).toMatch(hint)
  })
})

function refusalOf(attempt: () => unknown): AbsgdError {
  try {
    attempt()
  } catch (error) {
    return error as AbsgdError
  }
  throw new Error('it was not refused')
}
