import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { holderInWords } from '../../../src/log/lock/lock-holder.js'
import { acquireLock, lockHolder } from '../../../src/log/lock/run-lock.js'
import { runPaths } from '../../../src/log/run-paths.js'
import { readAll } from '../../../src/log/read-run.js'
import { openLogWriter } from '../../../src/log/files/log-writer.js'
import { here, placeVerdict, type Place } from '../../../src/process/identity.js'
import { encodeRecord } from '../../../src/wire/codec.js'
import { rewind, temporaryDirectory } from '../fixtures.js'

interface Case {
  readonly name: string
  readonly holder: Readonly<Record<string, string | null>>
  readonly here: Partial<Place>
  readonly verdict: string
}

const COMMON = {
  bootId: 'boot-1',
  host: 'a',
  machineId: 'machine-a',
  pidNamespace: 'pid:[4026531836]',
}
// python-worker/tests/attach/recording/test_run_lock.py judges the same cases.
const file = fileURLToPath(new URL('../../../proto/golden/locks.json', import.meta.url))
const cases = JSON.parse(readFileSync(file, 'utf8')) as readonly Case[]

/** Null stands for a field that older versions did not write. */
const withoutNulls = (holder: object) =>
  Object.fromEntries(Object.entries(holder).filter(([, value]) => value !== null)) as unknown as Place

describe('a holder of a lock', () => {
  test.each(cases)('$name: $verdict', ({ holder, here: at, verdict }) => {
    expect(placeVerdict(withoutNulls({ ...COMMON, ...holder }), { ...COMMON, ...at })).toBe(verdict)
  })
})

/** The places that cannot be looked at from here, whatever machine runs this test. */
const ELSEWHERE: readonly (readonly [string, object, RegExp])[] = [
  ['another machine', { bootId: 'boot-b', host: 'b', machineId: 'machine-b' }, /on the host "b"/],
  ['a container', { pidNamespace: 'pid:[1]' }, /in another process namespace \(a container\): pid:\[1\]/],
  [
    'another boot, by an older version',
    { bootId: 'boot-b', host: undefined, machineId: undefined, pidNamespace: undefined },
    /its lock is of an older version/,
  ],
]

describe.each(ELSEWHERE)('a lock of %s', (_, change, words) => {
  test('is held, and refused with what is known', () => {
    const dir = temporaryDirectory()
    acquireLock(dir)
    const { id } = changeLock(dir, change)
    const holder = lockHolder(dir)
    expect(holder).toMatchObject({ pid: process.pid, isElsewhere: true })
    expect(holderInWords(holder!)).toMatch(words)
    expect(holderInWords(holder!)).toMatch(/since \d{4}-\d\d-\d\dT/)
    expect(() => acquireLock(dir)).toThrow(
      expect.objectContaining({
        code: 'run-directory',
        message: expect.stringMatching(words) as string,
        hint: expect.stringContaining('--take-over') as string,
      }) as Error,
    )
    expect(lockIn(dir).id).toBe(id)
  })

  test('is taken over where that is asked for, and its holder writes nothing more', async () => {
    const dir = temporaryDirectory()
    const old = acquireLock(dir)
    const log = openLogWriter(dir, () => old.isHeld())
    log.append('steps', encodeRecord(rewind(1)))
    await log.sync()
    // Only the place changes: the old holder lives, and has this very lock.
    changeLock(dir, change)
    expect(old.isHeld()).toBe(true)
    const lock = acquireLock(dir, { takeOver: true })
    expect(lock.takenFrom).toMatchObject({ isElsewhere: true })
    expect([old.isHeld(), lock.isHeld()]).toEqual([false, true])
    log.append('steps', encodeRecord(rewind(2)))
    expect(() => {
      log.flush()
    }).toThrow('another controller has taken over')
    await expect(log.sync()).rejects.toThrow('another controller has taken over')
    const next = openLogWriter(dir, () => lock.isHeld())
    next.append('steps', encodeRecord(rewind(3)))
    await next.close()
    await log.close().catch(() => undefined)
    expect((await readAll(dir)).records).toEqual([rewind(1), rewind(3)])
    old.release()
    expect(lock.isHeld()).toBe(true)
    lock.release()
    expect(lockHolder(dir)).toBeUndefined()
  })
})

test('a living holder that can be seen is not taken over, whatever is asked for', () => {
  const dir = temporaryDirectory()
  acquireLock(dir)
  expect(() => acquireLock(dir, { takeOver: true })).toThrow('driven by another controller')
})

test('a lock of an older version works as before on the same boot', () => {
  const dir = temporaryDirectory()
  acquireLock(dir)
  const old = { host: undefined, machineId: undefined, pidNamespace: undefined, since: undefined }
  changeLock(dir, old)
  expect(lockHolder(dir)).toMatchObject({ isElsewhere: false })
  changeLock(dir, { ...old, pid: 2 ** 22 + 1 })
  expect(lockHolder(dir)).toBeUndefined()
  acquireLock(dir)
  expect(lockIn(dir)).toMatchObject({ pid: process.pid, ...here() })
})

test('a lock that somebody deleted is put back by its holder', () => {
  const dir = temporaryDirectory()
  const lock = acquireLock(dir)
  lock.release()
  const second = acquireLock(dir)
  rmSync(runPaths(dir).lock)
  expect(second.isHeld()).toBe(true)
  expect(lockHolder(dir)).toMatchObject({ pid: process.pid })
  expect(lock.isHeld()).toBe(false)
})

function lockIn(dir: string): { id: string } {
  return JSON.parse(readFileSync(runPaths(dir).lock, 'utf8')) as { id: string }
}

function changeLock(dir: string, change: object): { id: string } {
  const token = { ...lockIn(dir), ...change }
  writeFileSync(runPaths(dir).lock, JSON.stringify(token))
  return token
}
