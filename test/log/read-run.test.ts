import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { acquireLock } from '../../src/log/lock/run-lock.js'
import { runPaths } from '../../src/log/run-paths.js'
import { readAll, readRun } from '../../src/log/read-run.js'
import type { Entry } from '../../src/log/files/named-entries.js'
import { listSegments, readSpool, removeSpool } from '../../src/log/files/worker-spool.js'
import { nameOf } from '../../src/record/record-id.js'
import type { Body, LogRecord } from '../../src/record/record.js'
import { encodeRecord } from '../../src/wire/codec.js'
import {
  controllerRecord,
  fileOf,
  range,
  rewind,
  samples,
  temporaryDirectory,
  workerRecord,
  writeLog,
  writeSegment,
} from './fixtures.js'

const SECOND = '00000000000000b2'
const THIRD = '000000000000000c'

describe('a reader', () => {
  test('returns the stream "steps", then the stream "samples", each as it was appended', async () => {
    const dir = temporaryDirectory()
    await writeLog(dir, [samples(1), rewind(1), samples(2), rewind(2)])
    expect(await readAll(dir)).toEqual({
      records: [rewind(1), rewind(2), samples(1), samples(2)],
      damage: [],
      unknown: 0,
      duplicates: 0,
    })
  })

  test('leaves out a stream that is not asked for, in the spool too', async () => {
    const dir = temporaryDirectory()
    await writeLog(dir, [samples(1), rewind(1)])
    writeSegment(dir, [samples(2)])
    writeSegment(dir, [rewind(2)])
    expect((await readAll(dir, { streams: ['steps'] })).records).toEqual([rewind(1), rewind(2)])
    expect((await readAll(dir, { streams: ['samples'] })).records).toEqual([samples(1), samples(2)])
    expect((await readAll(dir, { spool: false })).records).toEqual([rewind(1), samples(1)])
  })

  test('finds nothing where nothing is', async () => {
    expect((await readAll(temporaryDirectory())).records).toEqual([])
    expect((await readAll('/no/such/run')).records).toEqual([])
  })

  test('reads records larger than what it asks of the file at a time', async () => {
    const dir = temporaryDirectory()
    const large = (seq: number) =>
      workerRecord(seq, { type: 'rewind', attempt: 1, toStep: 0, cause: 'x'.repeat(3e6) })
    const records = [rewind(1), large(2), rewind(3), large(4), large(5), rewind(6)]
    await writeLog(dir, records)
    expect((await readAll(dir)).records).toEqual(records)
  })

  test('drops what a log holds twice, and counts it', async () => {
    const dir = temporaryDirectory()
    await writeLog(dir, [rewind(1), rewind(3), rewind(1), rewind(2), rewind(3), rewind(1, SECOND), rewind(4)])
    const { records, duplicates } = await readAll(dir)
    expect(records).toEqual([rewind(1), rewind(3), rewind(2), rewind(1, SECOND), rewind(4)])
    expect(duplicates).toBe(2)
  })

  test('tells writers, their processes and their streams apart', async () => {
    const dir = temporaryDirectory()
    const note: Body = { type: 'note', level: 'info', text: '', position: { attempt: 1, step: 0 } }
    const records = [rewind(1), controllerRecord(1, note), workerRecord(1, note, SECOND)]
    await writeLog(dir, [...records, samples(1)])
    expect((await readAll(dir)).records).toEqual([...records, samples(1)])
  })

  test('skips records of kinds that it does not know, and counts them', async () => {
    const dir = temporaryDirectory()
    // Field 1000 of a Record, which no version has so far.
    const payloads = [encodeRecord(rewind(1)), Buffer.from([0xc2, 0x3e, 0x00]), encodeRecord(rewind(2))]
    writeFileSync(runPaths(dir).steps, fileOf('steps', payloads))
    expect(await readAll(dir)).toEqual({
      records: [rewind(1), rewind(2)],
      damage: [],
      unknown: 1,
      duplicates: 0,
    })
  })

  test('may be left early', async () => {
    const dir = temporaryDirectory()
    await writeLog(
      dir,
      range(1, 100).map((seq) => rewind(seq)),
    )
    const reading = readRun(dir)
    for await (const record of reading) if (record.seq === 3) break
    expect(await reading.next()).toEqual({ value: undefined, done: true })
  })
})

describe("a worker's spool", () => {
  test('gives what the log lacks', async () => {
    const dir = temporaryDirectory()
    await writeLog(dir, [rewind(1), rewind(2), samples(1)])
    writeSegment(
      dir,
      range(2, 4).map((seq) => rewind(seq)),
    )
    writeSegment(
      dir,
      range(5, 6).map((seq) => rewind(seq)),
    )
    writeSegment(dir, [samples(2)])
    const { records, duplicates } = await readAll(dir)
    expect(records).toEqual([...range(1, 6).map((seq) => rewind(seq)), samples(1), samples(2)])
    expect(duplicates).toBe(0)
  })

  test('is the run where there is no log', async () => {
    const dir = temporaryDirectory()
    writeSegment(
      dir,
      range(1, 3).map((seq) => rewind(seq)),
    )
    expect((await readAll(dir)).records).toEqual(range(1, 3).map((seq) => rewind(seq)))
  })

  test('comes in the order in which the workers joined, then by sequence', async () => {
    const dir = temporaryDirectory()
    const log = [joined(1, SECOND), joined(2, '00000000000000a1')]
    await writeLog(dir, log)
    for (const incarnation of ['00000000000000a1', SECOND, THIRD]) {
      writeSegment(
        dir,
        range(10, 11).map((seq) => rewind(seq, incarnation)),
      )
      writeSegment(
        dir,
        range(1, 9).map((seq) => rewind(seq, incarnation)),
      )
    }
    const { records } = await readAll(dir)
    const all = (incarnation: string) => range(1, 11).map((seq) => rewind(seq, incarnation))
    expect(records).toEqual([...log, ...all(SECOND), ...all('00000000000000a1'), ...all(THIRD)])
  })

  test('is read around files that are no segments, and segments that are damaged', async () => {
    const dir = temporaryDirectory()
    const broken = writeSegment(dir, [rewind(1)])
    writeFileSync(broken, 'not a log')
    writeSegment(dir, [rewind(2)])
    mkdirSync(join(runPaths(dir).spool, 'nested.steps.log'))
    writeFileSync(join(runPaths(dir).spool, '00000000000000a1.steps.1.log'), 'its number is too short')
    const { records, damage } = await readAll(dir)
    expect(records).toEqual([rewind(2)])
    expect(damage).toMatchObject([{ file: broken, offset: 0, reason: 'torn' }])
  })

  test('can be taken over verbatim and then removed', async () => {
    const dir = temporaryDirectory()
    const segment = [rewind(1), rewind(2)]
    writeSegment(dir, segment)
    writeFileSync(join(runPaths(dir).spool, 'README'), 'stays')
    const taken: Entry[] = []
    for await (const entry of readSpool(dir)) taken.push(entry)
    expect(taken.map(({ name, body }) => ({ name, body }))).toEqual(
      segment.map((record) => ({ name: nameOf(record), body: record.body })),
    )
    expect(taken.map(({ bytes }) => Buffer.from(bytes).toString('hex'))).toEqual(
      segment.map((record) => Buffer.from(encodeRecord(record)).toString('hex')),
    )
    await removeSpool(dir, ({ seq }) => seq < segment.length)
    expect(listSegments(dir)).toHaveLength(1)
    await removeSpool(dir, () => true)
    expect(listSegments(dir)).toEqual([])
    expect(readdirSync(runPaths(dir).spool)).toEqual(['README'])
  })

  test('may not exist', async () => {
    const dir = temporaryDirectory()
    rmSync(runPaths(dir).spool, { recursive: true, force: true })
    expect(listSegments(dir)).toEqual([])
    await removeSpool(dir, () => true)
  })
})

test('a last frame that is not complete is damage only when nobody writes any more', async () => {
  const dir = temporaryDirectory()
  const whole = fileOf('steps', [encodeRecord(rewind(1)), encodeRecord(rewind(2))])
  writeFileSync(runPaths(dir).steps, whole.subarray(0, whole.length - 1))
  const lock = acquireLock(dir)
  expect(await readAll(dir)).toMatchObject({ records: [rewind(1)], damage: [] })
  lock.release()
  expect(await readAll(dir)).toMatchObject({ records: [rewind(1)], damage: [{ reason: 'torn' }] })
})

function joined(seq: number, incarnation: string): LogRecord {
  return controllerRecord(seq, {
    type: 'worker-joined',
    leaseEpoch: seq,
    attempt: 1,
    runSteps: 0,
    hello: {
      type: 'hello',
      protocolMajor: 1,
      protocolMinor: 0,
      run: '',
      peer: 'worker-0',
      incarnation,
      pid: 1,
      stepsPerEpoch: 0,
      datasetSize: 0,
      numClasses: 0,
      position: { attempt: 0, step: 0 },
      plannedThrough: 0,
      versions: {},
      device: 'cpu',
      initial: {},
      batchSize: 0,
    },
  })
}
