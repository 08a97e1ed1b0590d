import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { acquireLock, lockHolder } from '../../../src/log/lock/run-lock.js'
import { runPaths } from '../../../src/log/run-paths.js'
import { killed, runProcess } from '../child.js'
import { range, temporaryDirectory } from '../fixtures.js'

describe('the lock of a run', () => {
  test('is held by one at a time', () => {
    const dir = temporaryDirectory()
    expect(lockHolder(dir)).toBeUndefined()
    const lock = acquireLock(dir)
    expect(lockHolder(dir)).toMatchObject({ pid: process.pid })
    expect(() => acquireLock(dir)).toThrow(
      expect.objectContaining({
        code: 'run-directory',
        message: expect.stringContaining(`another controller (pid ${process.pid})`) as string,
      }) as Error,
    )
    lock.release()
    expect(lockHolder(dir)).toBeUndefined()
    acquireLock(dir).release()
  })

  test('leaves nothing behind, and is for its owner alone', () => {
    const dir = temporaryDirectory()
    const lock = acquireLock(dir)
    expect(readdirSync(dir)).toEqual(['lock'])
    expect(statSync(runPaths(dir).lock).mode & 0o777).toBe(0o600)
    lock.release()
    lock.release()
    expect(readdirSync(dir)).toEqual([])
  })

  test('is not released by one who lost it', () => {
    const dir = temporaryDirectory()
    const lost = acquireLock(dir)
    stale(dir, GONE)
    const lock = acquireLock(dir)
    lost.release()
    expect(lockHolder(dir)).toMatchObject({ pid: process.pid })
    lock.release()
  })

  test('of a killed process is taken over', async () => {
    const dir = temporaryDirectory()
    const holder = runProcess('hold', dir)
    expect(await holder.line()).toBe('held')
    expect(lockHolder(dir)).toMatchObject({ pid: holder.process.pid })
    expect(() => acquireLock(dir)).toThrow(`(pid ${holder.process.pid!})`)
    await killed(holder)
    expect(lockHolder(dir)).toBeUndefined()
    acquireLock(dir)
    expect(lockHolder(dir)).toMatchObject({ pid: process.pid })
    expect(readdirSync(dir)).toEqual(['lock'])
  })

  test('of another process that had our pid is taken over', () => {
    if (process.platform !== 'linux') return
    const dir = temporaryDirectory()
    acquireLock(dir)
    stale(dir, { processStart: '1' })
    expect(lockHolder(dir)).toBeUndefined()
    acquireLock(dir)
    expect(lockHolder(dir)).toMatchObject({ pid: process.pid })
  })

  test('that is damaged is nobody’s', () => {
    const dir = temporaryDirectory()
    for (const text of ['', '{"pid":', '{"pid":"1"}', 'null', '{"pid":1,"id":"../../x"}']) {
      writeFileSync(runPaths(dir).lock, text)
      expect(lockHolder(dir)).toBeUndefined()
      acquireLock(dir).release()
    }
    expect(readdirSync(dir)).toEqual([])
  })

  test('goes to one of several that find it stale at the same time', async () => {
    const contenders = range(1, 3).map(() => runProcess('contend'))
    for (const contender of contenders) expect(await contender.line()).toBe('ready')
    for (const round of range(1, 30)) {
      const dir = temporaryDirectory()
      acquireLock(dir)
      stale(dir, GONE)
      for (const { process: child } of contenders) child.stdin!.write(`${dir}\n`)
      const outcomes = await Promise.all(contenders.map((contender) => contender.line()))
      expect(outcomes.sort(), `round ${round}`).toEqual(['held', 'run-directory', 'run-directory'])
      expect(readdirSync(dir)).toEqual(['lock'])
    }
  })

  test('survives a successor that was killed while it took over', () => {
    const dir = temporaryDirectory()
    const { lock } = runPaths(dir)
    acquireLock(dir)
    const { id } = stale(dir, GONE)
    writeFileSync(
      `${lock}.${id}`,
      readFileSync(lock, 'utf8').replace(id, '00000000-0000-4000-8000-000000000000'),
    )
    acquireLock(dir)
    expect(lockHolder(dir)).toMatchObject({ pid: process.pid })
    expect(readdirSync(dir)).toEqual(['lock'])
  })
})

/** No process has this pid: Linux ends below it. */
const GONE = { pid: 2 ** 22 + 1 }

function stale(dir: string, change: object): { id: string } {
  const { lock } = runPaths(dir)
  const token = { ...(JSON.parse(readFileSync(lock, 'utf8')) as { id: string }), ...change }
  writeFileSync(lock, JSON.stringify(token))
  return token
}
