import { appendFileSync, truncateSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { encodeHeader } from '../../src/log/files/frame.js'
import { acquireLock } from '../../src/log/lock/run-lock.js'
import { runPaths } from '../../src/log/run-paths.js'
import { tailRun } from '../../src/log/follow-run.js'
import { openLogWriter } from '../../src/log/files/log-writer.js'
import { streamOf, type LogRecord } from '../../src/record/record.js'
import { encodeRecord } from '../../src/wire/codec.js'
import { killed, runProcess } from './child.js'
import {
  controllerRecord,
  frameOf,
  range,
  rewind,
  samples,
  temporaryDirectory,
  writeLog,
  writeSegment,
} from './fixtures.js'

describe('a tail', () => {
  test('returns everything so far, then what is appended, and ends with the run', async () => {
    const { dir, log } = liveRun()
    const early = [started(1, process.pid), rewind(1), rewind(2)]
    append(log, early)
    log.flush()
    const tail = tailRun(dir)
    expect(await take(tail, 3)).toEqual(early)
    for (const seq of range(3, 6)) {
      const next = take(tail, 1)
      append(log, [rewind(seq)])
      expect(await next).toEqual([rewind(seq)])
    }
    append(log, [ended(2)])
    log.flush()
    expect(await rest(tail)).toEqual([ended(2)])
  })

  test('has returned all samples by the time it ends', async () => {
    const { dir, log } = liveRun()
    append(log, [
      started(1, process.pid),
      ...range(1, 50).flatMap((seq) => [samples(seq), rewind(seq)]),
      ended(2),
    ])
    log.flush()
    const records = await rest(tailRun(dir))
    expect(records.filter(({ body }) => streamOf(body) === 'samples')).toEqual(
      range(1, 50).map((seq) => samples(seq)),
    )
    expect(records.filter(({ body }) => streamOf(body) === 'steps')).toHaveLength(52)
  })

  test('leaves out a stream that is not asked for', async () => {
    const { dir, log } = liveRun()
    append(log, [started(1, process.pid), samples(1), rewind(1), ended(2)])
    log.flush()
    expect(await rest(tailRun(dir, { streams: ['steps'] }))).toEqual([
      started(1, process.pid),
      rewind(1),
      ended(2),
    ])
  })

  test('waits for files that do not exist yet', async () => {
    const dir = temporaryDirectory()
    const lock = acquireLock(dir)
    const first = take(tailRun(dir), 1)
    await writeLog(dir, [rewind(1)])
    expect(await first).toEqual([rewind(1)])
    lock.release()
  })

  test('waits for the rest of a frame that is not complete, and follows a writer that cut it', async () => {
    const dir = temporaryDirectory()
    const { steps } = runPaths(dir)
    const lock = acquireLock(dir)
    const frame = frameOf(encodeRecord(rewind(1)))
    writeFileSync(steps, Buffer.concat([encodeHeader('steps', '0.1.0'), frame.subarray(0, 5)]))
    const tail = tailRun(dir)
    const first = take(tail, 1)
    appendFileSync(steps, frame.subarray(5))
    expect(await first).toEqual([rewind(1)])
    const second = take(tail, 1)
    appendFileSync(steps, frameOf(encodeRecord(rewind(2))).subarray(0, 9))
    truncateSync(steps, 16 + frame.length)
    appendFileSync(steps, frameOf(encodeRecord(rewind(3))))
    expect(await second).toEqual([rewind(3)])
    lock.release()
  })

  test('ends where the controller was killed, with what only the spool has', async () => {
    const dir = temporaryDirectory()
    const controller = runProcess('hold', dir)
    expect(await controller.line()).toBe('held')
    await writeLog(dir, [rewind(1), rewind(2)])
    writeSegment(dir, [rewind(2), rewind(3)])
    const tail = tailRun(dir)
    expect(await take(tail, 2)).toEqual([rewind(1), rewind(2)])
    const remaining = rest(tail)
    await killed(controller)
    expect(await remaining).toEqual([rewind(3)])
  })

  test('ends at once on a run that is over', async () => {
    const dir = temporaryDirectory()
    await writeLog(dir, [started(1, 1), rewind(1), ended(2)])
    expect(await rest(tailRun(dir))).toEqual([started(1, 1), rewind(1), ended(2)])
  })

  test('goes on where a run that had ended is taken up again', async () => {
    const { dir, log } = liveRun()
    // Of the controller before this one: the new one has its lock, and has not written yet.
    const before = [started(1, process.pid + 1), ended(2)]
    append(log, before)
    log.flush()
    const tail = tailRun(dir)
    expect(await take(tail, 2)).toEqual(before)
    const after = rest(tail)
    append(log, [started(3, process.pid), rewind(1), ended(4)])
    log.flush()
    expect(await after).toEqual([started(3, process.pid), rewind(1), ended(4)])
  })

  test('ends when it is told to, waiting or not', async () => {
    const { dir, log } = liveRun()
    append(
      log,
      range(1, 10).map((seq) => rewind(seq)),
    )
    log.flush()
    const abort = new AbortController()
    const tail = tailRun(dir, { signal: abort.signal })
    expect(await take(tail, 10)).toHaveLength(10)
    const remaining = rest(tail)
    abort.abort()
    expect(await remaining).toEqual([])
    expect(await rest(tailRun(dir, { signal: AbortSignal.abort() }))).toHaveLength(1)
  })
})

function liveRun() {
  const dir = temporaryDirectory()
  acquireLock(dir)
  return { dir, log: openLogWriter(dir) }
}

function append(log: ReturnType<typeof openLogWriter>, records: readonly LogRecord[]): void {
  for (const record of records) log.append(streamOf(record.body), encodeRecord(record))
}

function started(seq: number, pid: number): LogRecord {
  return controllerRecord(seq, { type: 'controller-started', version: '0.1.0', pid, manifestJson: '{}' })
}

function ended(seq: number): LogRecord {
  const position = { attempt: 1, step: 1 }
  return controllerRecord(seq, { type: 'run-ended', status: 'interrupted', reason: '', detail: '', position })
}

async function take(tail: AsyncGenerator<LogRecord>, count: number): Promise<LogRecord[]> {
  const records: LogRecord[] = []
  while (records.length < count) {
    const next = await tail.next()
    if (next.done === true) throw new Error(`the tail ended after ${records.length} records`)
    records.push(next.value)
  }
  return records
}

async function rest(tail: AsyncGenerator<LogRecord>): Promise<LogRecord[]> {
  const records: LogRecord[] = []
  for await (const record of tail) records.push(record)
  return records
}
