import { writeFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeHeader } from '../../src/log/files/frame.js'
import { runPaths } from '../../src/log/run-paths.js'
import { readAll } from '../../src/log/read-run.js'
import { encodeRecord } from '../../src/wire/codec.js'
import { logRecord } from '../wire/arbitraries.js'
import { fileOf, frameOf, range, rewind, samples, temporaryDirectory } from './fixtures.js'

const records = range(1, 6).map((seq) => rewind(seq))
const whole = fileOf('steps', records.map(encodeRecord))
/** Where each record's frame begins, and where the last one ends. */
const bounds = records.reduce(
  (ends, record) => [...ends, ends.at(-1)! + frameOf(encodeRecord(record)).length],
  [16],
)

describe('damage to a log', () => {
  test('at any byte leaves everything before it readable, and is reported', async () => {
    const dir = temporaryDirectory()
    const { steps } = runPaths(dir)
    for (let at = 0; at < whole.length; at++) {
      // The writer's version means nothing to a reader.
      if (at >= 12 && at < 16) continue
      const bytes = Buffer.from(whole)
      bytes[at]! ^= 0xff
      writeFileSync(steps, bytes)
      const hit = Math.max(0, bounds.findIndex((bound) => bound > at) - 1)
      const reading = await readAll(dir)
      expect(reading.records).toEqual(at < 16 ? [] : records.slice(0, hit))
      expect(reading.damage).toMatchObject([{ file: steps, offset: at < 16 ? 0 : bounds[hit] }])
    }
  })

  test('by truncation at any byte leaves every whole frame readable', async () => {
    const dir = temporaryDirectory()
    const { steps } = runPaths(dir)
    for (let length = 0; length < whole.length; length++) {
      writeFileSync(steps, whole.subarray(0, length))
      const complete = Math.max(
        0,
        bounds.findLastIndex((bound) => bound <= length),
      )
      const end = length < 16 ? 0 : bounds[complete]!
      const reading = await readAll(dir)
      expect(reading.records).toEqual(records.slice(0, complete))
      expect(reading.damage).toEqual(
        length === end
          ? []
          : [
              {
                file: steps,
                offset: end,
                reason: 'torn',
                message: `the last frame is incomplete: ${length - end} bytes`,
              },
            ],
      )
    }
  })

  test('of any kind never stops a reader from finishing', async () => {
    const dir = temporaryDirectory()
    const { steps } = runPaths(dir)
    const scribble = fc.tuple(fc.nat(whole.length - 1), fc.uint8Array({ minLength: 1, maxLength: 40 }))
    await fc.assert(
      fc.asyncProperty(fc.array(scribble, { minLength: 1, maxLength: 4 }), async (scribbles) => {
        const bytes = Buffer.from(whole)
        for (const [at, garbage] of scribbles) bytes.set(garbage.subarray(0, whole.length - at), at)
        writeFileSync(steps, bytes)
        const reading = await readAll(dir)
        const first = Math.min(...scribbles.map(([at]) => at))
        const before = first < 16 ? 0 : bounds.findLastIndex((bound) => bound <= first)
        expect(reading.records.slice(0, before)).toEqual(records.slice(0, before))
      }),
      { numRuns: 200 },
    )
  })

  test('of one file leaves the others as they are', async () => {
    const dir = temporaryDirectory()
    const paths = runPaths(dir)
    writeFileSync(paths.steps, 'this was a log once, and is none any more')
    writeFileSync(paths.samples, fileOf('samples', [encodeRecord(samples(1))]))
    expect(await readAll(dir)).toMatchObject({
      records: [samples(1)],
      damage: [
        {
          file: paths.steps,
          offset: 0,
          reason: 'format',
          message: expect.stringContaining('no log') as string,
        },
      ],
    })
  })

  test('is told from a newer format', async () => {
    const dir = temporaryDirectory()
    const header = encodeHeader('steps', '7.1.0')
    header.writeUInt16LE(2, 8)
    writeFileSync(runPaths(dir).steps, Buffer.concat([header, whole.subarray(16)]))
    const { damage } = await readAll(dir)
    expect(damage.map(({ message }) => message)).toEqual([
      'it has format 2, written by absgd 7.1.0; this version reads up to format 1',
    ])
  })

  test('inside a record whose checksum is right costs that record alone', async () => {
    const dir = temporaryDirectory()
    const { steps } = runPaths(dir)
    // A gap without a reason.
    const bad = Buffer.from([0x0a, 0x01, 0x77, 0x18, 0x02, 0x52, 0x00])
    writeFileSync(steps, fileOf('steps', [encodeRecord(rewind(1)), bad, encodeRecord(rewind(3))]))
    expect(await readAll(dir)).toMatchObject({
      records: [rewind(1), rewind(3)],
      damage: [
        {
          file: steps,
          offset: bounds[1],
          reason: 'record',
          message: expect.stringContaining('Gap.reason') as string,
        },
      ],
    })
  })
})

test('a log of records of every kind is read as it was written', async () => {
  const dir = temporaryDirectory()
  const { steps } = runPaths(dir)
  await fc.assert(
    fc.asyncProperty(fc.array(logRecord, { maxLength: 20 }), async (bodies) => {
      const numbered = bodies.map((record, i) => ({ ...record, seq: i + 1 }))
      writeFileSync(steps, fileOf('steps', numbered.map(encodeRecord)))
      expect(await readAll(dir)).toEqual({ records: numbered, damage: [], unknown: 0, duplicates: 0 })
    }),
    { numRuns: 50 },
  )
})
