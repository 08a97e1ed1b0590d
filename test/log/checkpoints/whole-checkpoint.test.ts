/** Which checkpoint is taken, where some are damaged, missing, unreadable or not in the log. */
import { createHash } from 'node:crypto'
import { mkdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { newestWhole, unrecordedCheckpoints } from '../../../src/log/checkpoints/whole-checkpoint.js'
import type { CheckpointWritten } from '../../../src/record/record.js'
import { hiddenFrom } from '../../../src/history/visible-steps.js'
import { temporaryRoot } from '../../helpers/runs.js'

/** A ZIP file as torch writes them: nothing is compressed. */
function zip(parts: Readonly<Record<string, Buffer>>): Buffer {
  const locals: Buffer[] = []
  const headers: Buffer[] = []
  let offset = 0
  for (const [name, data] of Object.entries(parts)) {
    const local = Buffer.alloc(30)
    local.writeUInt32LE(0x04034b50, 0)
    local.writeUInt16LE(name.length, 26)
    const header = Buffer.alloc(46)
    header.writeUInt32LE(0x02014b50, 0)
    header.writeUInt32LE(crc32(data), 16)
    header.writeUInt32LE(data.length, 20)
    header.writeUInt32LE(data.length, 24)
    header.writeUInt16LE(name.length, 28)
    header.writeUInt32LE(offset, 42)
    headers.push(header, Buffer.from(name))
    locals.push(local, Buffer.from(name), data)
    offset += 30 + name.length + data.length
  }
  const directory = Buffer.concat(headers)
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06054b50, 0)
  end.writeUInt16LE(Object.keys(parts).length, 10)
  end.writeUInt32LE(directory.length, 12)
  end.writeUInt32LE(offset, 16)
  return Buffer.concat([...locals, directory, end])
}

const content = (seed: number) =>
  zip({ 'archive/data.pkl': Buffer.alloc(40, seed), 'archive/data/0': Buffer.alloc(200, seed + 1) })

function recordOf(step: number, attempt: number, bytes: Buffer): CheckpointWritten {
  return {
    type: 'checkpoint-written',
    position: { attempt, step },
    path: `checkpoints/step-${String(step).padStart(9, '0')}.${attempt}.pt`,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    bytes: bytes.length,
    seconds: 0,
    deleted: [],
  }
}

const HARM = ['whole', 'missing', 'changed', 'cut', 'a folder'] as const

function put(dir: string, { path }: CheckpointWritten, bytes: Buffer, harm: (typeof HARM)[number]): void {
  const file = join(dir, path)
  if (harm === 'missing') return
  if (harm === 'a folder') {
    mkdirSync(file)
    return
  }
  // In the middle of a part.
  writeFileSync(file, harm === 'changed' ? Buffer.from(bytes).fill(0xff, 60, 61) : bytes)
  if (harm === 'cut') truncateSync(file, bytes.length - 7)
}

const checkpoints = fc.uniqueArray(
  fc.record({
    step: fc.integer({ min: 1, max: 12 }),
    attempt: fc.integer({ min: 1, max: 3 }),
    harm: fc.constantFrom(...HARM),
    recorded: fc.boolean(),
  }),
  { selector: ({ step, attempt }) => `${step}.${attempt}`, maxLength: 8 },
)
const histories = fc.constantFrom(
  [],
  [{ attempt: 2, toStep: 6, cause: 'restore' }],
  [
    { attempt: 2, toStep: 9, cause: 'resume' },
    { attempt: 3, toStep: 4, cause: 'undo' },
  ],
)

test('the newest whole one is taken, recorded or not; every newer one is named', () => {
  fc.assert(
    fc.property(checkpoints, histories, fc.integer({ min: 1, max: 13 }), (all, rewinds, atMost) => {
      const dir = temporaryFolder()
      const visible = all
        .filter(({ step, attempt }) => step <= hiddenFrom(rewinds, attempt))
        .toSorted((a, b) => a.attempt - b.attempt || a.step - b.step)
      const records = new Map(all.map((one) => [one, recordOf(one.step, one.attempt, content(one.step))]))
      for (const one of all) put(dir, records.get(one)!, content(one.step), one.harm)
      // Half a file that a killed worker left.
      writeFileSync(join(dir, 'checkpoints', 'step-000000013.3.unfinished'), content(1))
      const logged = {
        rewinds,
        checkpoints: visible.filter((one) => one.recorded).map((one) => records.get(one)!),
      }

      const near = visible.filter(({ step }) => step <= atMost)
      // A folder or nothing that is in no record is nobody's checkpoint.
      const candidates = near.filter(
        ({ recorded, harm }) => recorded || !['missing', 'a folder'].includes(harm),
      )
      const expected = candidates.findLast(({ harm }) => harm === 'whole')
      const newer = candidates.slice(expected === undefined ? 0 : candidates.indexOf(expected) + 1)
      if (expected === undefined && newer.some(({ harm }) => harm !== 'missing')) {
        expect(() => newestWhole(dir, logged, atMost)).toThrow(/no checkpoint of the run in .* can be used/)
        return
      }
      const { checkpoint, isUnrecorded, notes } = newestWhole(dir, logged, atMost)
      expect(checkpoint).toEqual(expected === undefined ? undefined : records.get(expected))
      expect(isUnrecorded).toBe(expected !== undefined && !expected.recorded)
      for (const one of newer)
        expect(notes.filter((note) => note.includes(records.get(one)!.path))).toHaveLength(1)
      expect(notes).toHaveLength(newer.length + (isUnrecorded ? 1 : 0))
    }),
    { numRuns: 150 },
  )
})

test('those that are newer than the log are found, whole ones alone, the oldest first', () => {
  const dir = temporaryFolder()
  const records = [10, 20, 30, 40, 50].map((step) => recordOf(step, 1, content(step)))
  for (const [i, harm] of (['whole', 'whole', 'whole', 'cut', 'whole'] as const).entries())
    put(dir, records[i]!, content((i + 1) * 10), harm)
  expect(unrecordedCheckpoints(dir, { checkpoints: [records[1]!], rewinds: [] })).toEqual([
    records[2],
    records[4],
  ])
})

describe('a file without a record is not whole', () => {
  const whole = content(3)
  const taken = (bytes: Buffer) => {
    const dir = temporaryFolder()
    put(dir, recordOf(5, 1, whole), bytes, 'whole')
    return unrecordedCheckpoints(dir, { checkpoints: [], rewinds: [] }).length === 1
  }

  test('where it is cut at any length', () => {
    expect(taken(whole)).toBe(true)
    for (let length = 0; length < whole.length; length += 3)
      if (taken(whole.subarray(0, length))) expect.unreachable(`whole at ${length} of ${whole.length} bytes`)
  })

  test('where a byte of any part is another', () => {
    const first = 30 + 'archive/data.pkl'.length
    for (let at = first; at < first + 40; at += 1) {
      const changed = Buffer.from(whole)
      changed[at]! ^= 1
      if (taken(changed)) expect.unreachable(`whole with another byte ${at}`)
    }
  })
})

const root = { dir: '' }
function temporaryFolder(): string {
  if (root.dir === '') root.dir = temporaryRoot()
  const dir = join(root.dir, 'run')
  rmSync(dir, { recursive: true, force: true })
  mkdirSync(join(dir, 'checkpoints'), { recursive: true })
  return dir
}
