import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { checkSamples } from '../../src/log/check-samples.js'
import { acquireLock } from '../../src/log/lock/run-lock.js'
import { runPaths } from '../../src/log/run-paths.js'
import { range, samples, temporaryDirectory, writeLog } from './fixtures.js'

test('a log of samples is checked to its end, unless it is larger than the limit', async () => {
  const dir = temporaryDirectory()
  const path = runPaths(dir).samples
  expect(await checkSamples(dir, 1e6)).toEqual([])
  await writeLog(
    dir,
    range(1, 10).map((seq) => samples(seq)),
  )
  expect(await checkSamples(dir, 1e6)).toEqual([])
  const bytes = readFileSync(path)
  bytes[bytes.length - 1]! ^= 1
  writeFileSync(path, bytes)
  expect(await checkSamples(dir, 1e6)).toMatchObject([{ file: path, reason: 'crc' }])
  expect(await checkSamples(dir, bytes.length - 1)).toEqual([])
})

test('a frame of samples that is being written is no damage', async () => {
  const dir = temporaryDirectory()
  const path = runPaths(dir).samples
  await writeLog(dir, [samples(1)])
  writeFileSync(path, readFileSync(path).subarray(0, -1))
  const lock = acquireLock(dir)
  expect(await checkSamples(dir, 1e6)).toEqual([])
  lock.release()
  expect(await checkSamples(dir, 1e6)).toMatchObject([{ file: path, reason: 'torn' }])
})
