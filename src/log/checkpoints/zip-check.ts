/** Checks whether a ZIP file, as `torch.save` writes it, is complete: the directory at its end, and the checksum of every entry. */
import { fstatSync, readSync } from 'node:fs'
import { crc32 } from 'node:zlib'

/** The problem of the file; undefined if it is complete. */
export function zipProblem(fd: number): string | undefined {
  const { size } = fstatSync(fd)
  const directory = directoryOf(fd, size)
  if (directory === undefined)
    return 'it is no whole checkpoint: it ends in the middle, or is another kind of file'
  const entries = entriesOf(read(fd, directory.offset, directory.bytes))
  if (entries === undefined || entries.length !== directory.count)
    return 'it is no whole checkpoint: its table of contents is damaged'
  const damaged = entries.find((entry) => !isWhole(fd, entry))
  return damaged === undefined
    ? undefined
    : `it is damaged: the checksum of its part ${damaged.name} is wrong`
}

interface Directory {
  readonly offset: number
  readonly bytes: number
  readonly count: number
}

interface Entry {
  readonly name: string
  readonly method: number
  readonly crc: number
  readonly bytes: number
  readonly offset: number
}

/** The position of the central directory. Its record is at the end of the file; a large file has a 64-bit record before it. */
function directoryOf(fd: number, size: number): Directory | undefined {
  if (size < END_BYTES) return undefined
  const end = read(fd, size - END_BYTES, END_BYTES)
  if (end.readUInt32LE(0) !== END) return undefined
  const small = { count: end.readUInt16LE(10), bytes: end.readUInt32LE(12), offset: end.readUInt32LE(16) }
  const directory = largeDirectoryOf(fd, size) ?? small
  return directory.offset + directory.bytes <= size ? directory : undefined
}

function largeDirectoryOf(fd: number, size: number): Directory | undefined {
  const at = size - END_BYTES - LOCATOR_BYTES
  if (at < 0) return undefined
  const locator = read(fd, at, LOCATOR_BYTES)
  if (locator.readUInt32LE(0) !== LOCATOR) return undefined
  const end = read(fd, long(locator, 8), LARGE_END_BYTES)
  if (end.length < LARGE_END_BYTES || end.readUInt32LE(0) !== LARGE_END) return undefined
  return { count: long(end, 32), bytes: long(end, 40), offset: long(end, 48) }
}

/** Undefined if the directory is damaged. */
function entriesOf(directory: Buffer): Entry[] | undefined {
  const entries: Entry[] = []
  for (let at = 0; at < directory.length;) {
    if (at + HEADER_BYTES > directory.length || directory.readUInt32LE(at) !== HEADER) return undefined
    const nameBytes = directory.readUInt16LE(at + 28)
    const extraBytes = directory.readUInt16LE(at + 30)
    const extraAt = at + HEADER_BYTES + nameBytes
    const next = extraAt + extraBytes + directory.readUInt16LE(at + 32)
    if (next > directory.length) return undefined
    const numbers = { bytes: directory.readUInt32LE(at + 20), offset: directory.readUInt32LE(at + 42) }
    entries.push({
      name: directory.toString('utf8', at + HEADER_BYTES, extraAt),
      method: directory.readUInt16LE(at + 10),
      crc: directory.readUInt32LE(at + 16),
      ...longNumbers(
        numbers,
        directory.readUInt32LE(at + 24) === TOO_LARGE,
        directory.subarray(extraAt, extraAt + extraBytes),
      ),
    })
    at = next
  }
  return entries
}

/** Numbers that need 64 bits are in an extra field, in this order: size, size as stored, offset. */
function longNumbers(
  { bytes, offset }: { readonly bytes: number; readonly offset: number },
  hasLongSize: boolean,
  extra: Buffer,
): { bytes: number; offset: number } {
  let at = 0
  while (at + 4 <= extra.length && extra.readUInt16LE(at) !== LONG_NUMBERS)
    at += 4 + extra.readUInt16LE(at + 2)
  at += 4
  const nextNumber = (number: number, isLong = number === TOO_LARGE) => {
    if (!isLong || at + 8 > extra.length) return number
    at += 8
    return long(extra, at - 8)
  }
  nextNumber(TOO_LARGE, hasLongSize)
  return { bytes: nextNumber(bytes), offset: nextNumber(offset) }
}

function isWhole(fd: number, { method, crc, bytes, offset }: Entry): boolean {
  const header = read(fd, offset, LOCAL_BYTES)
  if (header.length < LOCAL_BYTES || header.readUInt32LE(0) !== LOCAL) return false
  // torch does not compress; compressed entries of other writers are not checked.
  if (method !== 0) return true
  let at = offset + LOCAL_BYTES + header.readUInt16LE(26) + header.readUInt16LE(28)
  let sum = 0
  for (const end = at + bytes; at < end;) {
    const chunk = read(fd, at, Math.min(CHUNK_BYTES, end - at))
    if (chunk.length === 0) return false
    sum = crc32(chunk, sum)
    at += chunk.length
  }
  return sum === crc
}

/** At most `bytes` from `offset` on; fewer at the end of the file. */
function read(fd: number, offset: number, bytes: number): Buffer {
  const buffer = Buffer.alloc(Math.max(0, Math.min(bytes, fstatSync(fd).size - offset)))
  const count = readSync(fd, buffer, 0, buffer.length, offset)
  return buffer.subarray(0, count)
}

function long(buffer: Buffer, at: number): number {
  return Number(buffer.readBigUInt64LE(at))
}

const END = 0x06054b50
const END_BYTES = 22
const LOCATOR = 0x07064b50
const LOCATOR_BYTES = 20
const LARGE_END = 0x06064b50
const LARGE_END_BYTES = 56
const HEADER = 0x02014b50
const HEADER_BYTES = 46
const LOCAL = 0x04034b50
const LOCAL_BYTES = 30
const LONG_NUMBERS = 1
const TOO_LARGE = 0xffffffff
const CHUNK_BYTES = 1 << 20
