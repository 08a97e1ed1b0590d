import {
  appendFileSync,
  existsSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { describe, expect, test } from 'vitest'
import { encodeHeader } from '../../../src/log/files/frame.js'
import { runPaths } from '../../../src/log/run-paths.js'
import { readAll } from '../../../src/log/read-run.js'
import { openLogWriter } from '../../../src/log/files/log-writer.js'
import { VERSION } from '../../../src/version.js'
import { encodeRecord } from '../../../src/wire/codec.js'
import {
  fileOf,
  frameOf,
  range,
  rewind,
  samples,
  temporaryDirectory,
  workerRecord,
  writeLog,
} from '../fixtures.js'
import { finished, runProcess } from '../child.js'

describe('a log writer', () => {
  test('begins both logs, readable by their owner alone', async () => {
    const dir = temporaryDirectory()
    const log = openLogWriter(dir)
    const { steps, samples: sampleLog } = runPaths(dir)
    expect(readFileSync(steps)).toEqual(encodeHeader('steps', VERSION))
    expect(readFileSync(sampleLog)).toEqual(encodeHeader('samples', VERSION))
    expect(statSync(steps).mode & 0o777).toBe(0o600)
    await log.close()
  })

  test('appends verbatim and in order, each stream to its file', async () => {
    const dir = temporaryDirectory()
    const log = openLogWriter(dir)
    const payloads = range(1, 300).map((i) => Buffer.alloc(i, i))
    payloads.forEach((payload, i) => {
      log.append(i % 3 === 0 ? 'samples' : 'steps', payload)
    })
    await log.sync()
    const { steps, samples: sampleLog } = runPaths(dir)
    expect(readFileSync(steps)).toEqual(
      fileOf(
        'steps',
        payloads.filter((_, i) => i % 3 !== 0),
      ),
    )
    expect(readFileSync(sampleLog)).toEqual(
      fileOf(
        'samples',
        payloads.filter((_, i) => i % 3 === 0),
      ),
    )
    await log.close()
  })

  test('has written on `flush` what was appended before, for every process to see', async () => {
    const dir = temporaryDirectory()
    const log = openLogWriter(dir)
    log.append('steps', Buffer.from('one'))
    log.flush()
    expect(readFileSync(runPaths(dir).steps)).toEqual(fileOf('steps', [Buffer.from('one')]))
    await log.close()
  })

  test('writes by itself within a turn of the event loop', async () => {
    const dir = temporaryDirectory()
    const log = openLogWriter(dir)
    log.append('steps', Buffer.from('one'))
    await new Promise((resolve) => setImmediate(resolve))
    expect(readFileSync(runPaths(dir).steps)).toEqual(fileOf('steps', [Buffer.from('one')]))
    await log.close()
  })

  test('resolves a `sync` that overlaps another only with its own records on disk', async () => {
    const dir = temporaryDirectory()
    const log = openLogWriter(dir)
    const syncs = range(1, 20).map(async (seq) => {
      log.append('steps', encodeRecord(rewind(seq)))
      await log.sync()
      const { records } = await readAll(dir)
      expect(records.map((record) => record.seq)).toContain(seq)
    })
    await Promise.all(syncs)
    await log.close()
  })

  test('goes on behind an earlier one', async () => {
    const dir = temporaryDirectory()
    await writeLog(dir, [rewind(1), samples(1)])
    await writeLog(dir, [rewind(2), samples(2)])
    const { records, damage } = await readAll(dir)
    expect(records).toEqual([rewind(1), rewind(2), samples(1), samples(2)])
    expect(damage).toEqual([])
  })

  test('may be closed twice, and takes nothing afterwards', async () => {
    const dir = temporaryDirectory()
    const log = openLogWriter(dir)
    await log.close()
    await log.close()
    log.append('steps', Buffer.from('late'))
    expect(() => {
      log.flush()
    }).toThrow('is closed')
    expect(readFileSync(runPaths(dir).steps)).toEqual(fileOf('steps', []))
  })
})

describe('what an earlier writer left unreadable', () => {
  test('is cut, wherever its last frame broke off, and moved aside', async () => {
    const dir = temporaryDirectory()
    const { steps } = runPaths(dir)
    await writeLog(dir, [rewind(1), rewind(2)])
    const whole = readFileSync(steps)
    const end = whole.length - frameOf(encodeRecord(rewind(2))).length
    for (let length = end + 1; length < whole.length; length++) {
      writeFileSync(steps, whole.subarray(0, length))
      const log = openLogWriter(dir)
      // What was cut off before, at the same byte, stays.
      const movedTo = `${steps}.cut-${end}${length === end + 1 ? '' : `-${length - end}`}`
      expect(log.cuts).toEqual([{ file: steps, offset: end, bytes: length - end, movedTo }])
      expect(readFileSync(movedTo)).toEqual(whole.subarray(end, length))
      log.append('steps', encodeRecord(rewind(3)))
      await log.close()
      const { records, damage } = await readAll(dir)
      expect(records).toEqual([rewind(1), rewind(3)])
      expect(damage).toEqual([])
    }
  })

  test('is cut in the middle too, since nothing behind damage can be read', async () => {
    const dir = temporaryDirectory()
    const { steps } = runPaths(dir)
    await writeLog(
      dir,
      range(1, 5).map((seq) => rewind(seq)),
    )
    const bytes = readFileSync(steps)
    bytes[16 + 2 * frameOf(encodeRecord(rewind(1))).length + 8]! ^= 0xff
    writeFileSync(steps, bytes)
    const log = openLogWriter(dir)
    log.append('steps', encodeRecord(rewind(6)))
    await log.close()
    expect((await readAll(dir)).records).toEqual([rewind(1), rewind(2), rewind(6)])
    expect(readFileSync(log.cuts[0]!.movedTo)).toEqual(bytes.subarray(log.cuts[0]!.offset))
  })

  test('is cut where a loss of power left zeros', async () => {
    const dir = temporaryDirectory()
    const { steps } = runPaths(dir)
    await writeLog(dir, [rewind(1)])
    appendFileSync(steps, Buffer.alloc(4096))
    await writeLog(dir, [rewind(2)])
    expect(await readAll(dir)).toMatchObject({ records: [rewind(1), rewind(2)], damage: [] })
  })

  test('may be a header', async () => {
    const dir = temporaryDirectory()
    await writeLog(dir, [])
    truncateSync(runPaths(dir).steps, 7)
    await writeLog(dir, [rewind(1)])
    expect(await readAll(dir)).toMatchObject({ records: [rewind(1)], damage: [] })
  })

  test('leaves a log larger than a chunk as it is', async () => {
    const dir = temporaryDirectory()
    const big = { type: 'rewind', attempt: 1, toStep: 0, cause: 'x'.repeat(3_000_000) } as const
    await writeLog(dir, [workerRecord(1, big), rewind(2)])
    const before = readFileSync(runPaths(dir).steps)
    await writeLog(dir, [])
    expect(readFileSync(runPaths(dir).steps).equals(before)).toBe(true)
  })
})

describe('a file that is no log of this version', () => {
  test.each([
    ['of a newer format', newer(), 'it has format 2'],
    ['of another program', Buffer.from('a file of somebody else'), 'it is no log'],
    ['of the other stream', encodeHeader('samples', '0.1.0'), 'it does not hold the stream "steps"'],
  ])('%s is refused and left alone', (_, bytes, problem) => {
    const dir = temporaryDirectory()
    writeFileSync(runPaths(dir).steps, bytes)
    expect(() => openLogWriter(dir)).toThrow(
      expect.objectContaining({ code: 'log', message: expect.stringContaining(problem) as string }) as Error,
    )
    expect(readFileSync(runPaths(dir).steps)).toEqual(bytes)
  })
})

describe('a disk that refuses', () => {
  // Every write to /dev/full fails as one to a full disk does.
  test.runIf(existsSync('/dev/full'))('is reported by name when the log is opened', () => {
    const dir = temporaryDirectory()
    symlinkSync('/dev/full', runPaths(dir).steps)
    expect(() => openLogWriter(dir)).toThrow(
      expect.objectContaining({
        code: 'log',
        message: expect.stringContaining(`cannot write ${runPaths(dir).steps}: ENOSPC`) as string,
      }) as Error,
    )
  })

  // A limit on the size of files makes writes stop in the middle of a frame, and go on once it is lifted.
  test.runIf(process.platform === 'linux')(
    'loses nothing that was appended once it has room again',
    async () => {
      const dir = temporaryDirectory()
      const { lines } = await finished(runProcess('full-disk', dir))
      expect(lines).toEqual(['refused: log', 'refused: log', 'done'])
      const { records, damage } = await readAll(dir)
      expect(records).toEqual(range(1, 3001).map((seq) => rewind(seq)))
      expect(damage).toEqual([])
    },
  )
})

function newer(): Buffer {
  const bytes = encodeHeader('steps', '3.0.0')
  bytes.writeUInt16LE(2, 8)
  return bytes
}
