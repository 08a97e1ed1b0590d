import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { encodeHeader } from '../../../src/log/files/frame.js'
import { openLogWriter } from '../../../src/log/files/writer.js'
import { runPaths } from '../../../src/log/paths.js'
import { readAll } from '../../../src/log/reader.js'
import type { Stream } from '../../../src/record/record.js'
import { openSpool } from '../../../src/simulated/spool.js'
import { VERSION } from '../../../src/version.js'
import { decodeRecord } from '../../../src/wire/codec.js'
import { temporaryDirectory } from '../fixtures.js'

/** Written by proto/golden/frames.py; the Python suite reads it too. */
const golden = JSON.parse(
  readFileSync(new URL('../../../proto/golden/frames.json', import.meta.url), 'utf8'),
) as { version: string; files: { stream: Stream; payloads: string[]; hex: string }[] }

const files = golden.files.map(({ stream, payloads, hex }) => {
  const bytes = Buffer.from(hex, 'hex')
  return { stream, payloads: payloads.map((payload) => Buffer.from(payload, 'hex')), bytes }
})

/** The file as a package of this version writes it. */
function withOwnVersion(bytes: Buffer): Buffer {
  return Buffer.concat([
    bytes.subarray(0, 12),
    encodeHeader('steps', VERSION).subarray(12),
    bytes.subarray(16),
  ])
}

test.each(files)(
  'the header of the stream $stream is that of proto/golden/frames.json',
  ({ stream, bytes }) => {
    expect(encodeHeader(stream, golden.version)).toEqual(bytes.subarray(0, 16))
  },
)

test('a log has the bytes of proto/golden/frames.json', async () => {
  const dir = temporaryDirectory()
  const log = openLogWriter(dir)
  for (const { stream, payloads } of files) for (const payload of payloads) log.append(stream, payload)
  await log.close()
  for (const { stream, bytes } of files)
    expect(readFileSync(runPaths(dir)[stream])).toEqual(withOwnVersion(bytes))
})

test('a segment of a spool has the bytes of proto/golden/frames.json', () => {
  const dir = temporaryDirectory()
  const spool = openSpool(dir, 'a'.repeat(16))
  for (const { stream, payloads } of files)
    for (const payload of payloads) expect(spool.append(stream, payload)).toBe(true)
  const folder = runPaths(dir).spool
  for (const { stream, bytes } of files) {
    const [name, ...others] = readdirSync(folder).filter((file) => file.includes(`.${stream}.`))
    expect(others).toEqual([])
    expect(readFileSync(join(folder, name!))).toEqual(withOwnVersion(bytes))
  }
  spool.close()
})

test('the files of proto/golden/frames.json are read as a log without damage', async () => {
  const dir = temporaryDirectory()
  for (const { stream, bytes } of files) writeFileSync(runPaths(dir)[stream], bytes)
  const { records, damage } = await readAll(dir)
  expect(damage).toEqual([])
  expect(records).toEqual(files.flatMap(({ payloads }) => payloads.map((payload) => decodeRecord(payload))))
})
