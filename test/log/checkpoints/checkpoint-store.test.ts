import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import {
  deleteCheckpoints,
  readCheckpoint,
  writeCheckpoint,
} from '../../../src/log/checkpoints/checkpoint-store.js'
import { temporaryRoot } from '../../helpers/runs.js'

const at = (step: number, attempt = 1) => ({ attempt, step })

test('a checkpoint is read back by its path and hash, and is its owner’s alone', () => {
  const dir = temporaryRoot()
  const bytes = Buffer.from('state')
  const written = writeCheckpoint(dir, at(7, 2), bytes, 0)
  expect(written).toEqual({
    path: 'checkpoints/step-000000007.2.json',
    sha256: createHash('sha256').update(bytes).digest('hex'),
    bytes: 5,
    deleted: [],
  })
  expect(statSync(join(dir, written.path)).mode & 0o777).toBe(0o600)
  expect(Buffer.from(readCheckpoint(dir, written.path, written.sha256))).toEqual(bytes)
  expect(Buffer.from(readCheckpoint(dir, join(dir, written.path), ''))).toEqual(bytes)
})

test('one that is missing, or not what was written, is refused by name', () => {
  const dir = temporaryRoot()
  const { path, sha256 } = writeCheckpoint(dir, at(7), Buffer.from('state'), 0)
  writeFileSync(join(dir, path), 'other')
  expect(() => readCheckpoint(dir, path, sha256)).toThrow('is not the one that was written')
  expect(() => readCheckpoint(dir, 'checkpoints/none', '')).toThrow('cannot be read')
})

test('the newest are kept, by attempt and step, and the others named; what is no checkpoint of ours is left alone', () => {
  const dir = temporaryRoot()
  mkdirSync(join(dir, 'checkpoints'))
  writeFileSync(join(dir, 'checkpoints/step-000000001.1.pt'), '')
  for (const [step, attempt] of [
    [10, 1],
    [20, 1],
    [30, 1],
    [5, 2],
  ] as const) {
    writeCheckpoint(dir, at(step, attempt), Buffer.of(1), 0)
  }
  const { deleted } = writeCheckpoint(dir, at(15, 2), Buffer.of(1), 3)
  expect(deleted.toSorted()).toEqual([
    'checkpoints/step-000000010.1.json',
    'checkpoints/step-000000020.1.json',
  ])
  // Until the record of the new one is on disk they stay.
  expect(deleted.every((path) => existsSync(join(dir, path)))).toBe(true)
  deleteCheckpoints(dir, deleted)
  expect(readdirSync(join(dir, 'checkpoints')).toSorted()).toEqual([
    'step-000000001.1.pt',
    'step-000000005.2.json',
    'step-000000015.2.json',
    'step-000000030.1.json',
  ])
})

test('a place that cannot be written leaves earlier checkpoints and no draft', () => {
  const dir = temporaryRoot()
  const { path } = writeCheckpoint(dir, at(1), Buffer.of(1), 0)
  // A folder where the file is to be: refused for root as well.
  mkdirSync(join(dir, 'checkpoints/step-000000002.1.json'))
  expect(() => writeCheckpoint(dir, at(2), Buffer.of(1), 1)).toThrow('no checkpoint could be written')
  expect(existsSync(join(dir, path))).toBe(true)
  expect(readdirSync(join(dir, 'checkpoints')).some((name) => name.endsWith('.unfinished'))).toBe(false)
})
