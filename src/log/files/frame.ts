/** The bytes of a log file and of a spool segment: a header, then frames. Format: proto/README.md, "Frames of a log". */
import { crc32 } from 'node:zlib'
import { AbsgdError } from '../../errors.js'
import type { Stream } from '../../record/record.js'

export interface Header {
  readonly format: number
  /** Undefined for a kind that this version does not know. */
  readonly stream: Stream | undefined
  /** Version of the package that began the file, like "0.1.0". */
  readonly writer: string
}

export type FrameResult =
  | { readonly type: 'frame'; readonly payload: Uint8Array; readonly end: number }
  /** The bytes end before the frame does; `needed` bytes from its start on hold it, as far as is known. */
  | { readonly type: 'incomplete'; readonly needed: number }
  | { readonly type: 'damaged'; readonly reason: 'crc' | 'format'; readonly message: string }

export const FORMAT = 1
export const HEADER_BYTES = 16

/** @param version - of the package: "0.1.0". */
export function encodeHeader(stream: Stream, version: string): Buffer {
  const [major = 0, minor = 0, patch = 0] = version.split('-', 1)[0]!.split('.').map(Number)
  const header = Buffer.alloc(HEADER_BYTES)
  header.write(MAGIC, 'latin1')
  header.writeUInt16LE(FORMAT, 8)
  header.writeUInt16LE(KINDS[stream], 10)
  header.writeUInt32LE(major * 1_000_000 + minor * 1_000 + patch, 12)
  return header
}

/** Undefined when the bytes do not begin with a log's magic. A newer format is returned as it is: the reader refuses it. */
export function decodeHeader(bytes: Buffer): Header | undefined {
  if (bytes.length < HEADER_BYTES || bytes.toString('latin1', 0, MAGIC.length) !== MAGIC) return undefined
  const kind = bytes.readUInt16LE(10)
  const version = bytes.readUInt32LE(12)
  return {
    format: bytes.readUInt16LE(8),
    stream: kind === KINDS.steps ? 'steps' : kind === KINDS.samples ? 'samples' : undefined,
    writer: `${Math.floor(version / 1_000_000)}.${Math.floor(version / 1_000) % 1_000}.${version % 1_000}`,
  }
}

/** Whether a newer version of absgd wrote the file. */
export function isNewer(header: Header | undefined): boolean {
  return header !== undefined && header.format > FORMAT
}

/** Why the file cannot be read as `stream`; undefined when it can. */
export function headerProblem(header: Header | undefined, stream: Stream): string | undefined {
  if (header === undefined) return 'it is no log: its first bytes are not "ABSGDLOG"'
  if (header.format > FORMAT) {
    return `it has format ${header.format}, written by absgd ${header.writer}; this version reads up to format ${FORMAT}`
  }
  if (header.format < 1) return 'it has format 0, which does not exist'
  if (header.stream !== stream) return `it does not hold the stream "${stream}"`
  return undefined
}

/**
 * A frame in two parts, so that the payload is not copied: the 8 bytes before it (length, CRC-32), and the payload itself.
 *
 * @throws AbsgdError 'log' for an empty payload and for one above 64 MiB.
 */
export function encodeFrame(payload: Uint8Array): readonly [prefix: Uint8Array, payload: Uint8Array] {
  if (payload.length === 0 || payload.length > LARGEST_FRAME) {
    throw new AbsgdError('log', `a record of ${payload.length} bytes; a log takes 1 byte to 64 MiB`)
  }
  const prefix = Buffer.allocUnsafe(PREFIX_BYTES)
  prefix.writeUInt32LE(payload.length, 0)
  prefix.writeUInt32LE(crc32(payload), 4)
  return [prefix, payload]
}

/** The frame at `start`. The payload is a view into `bytes`. */
export function readFrame(bytes: Buffer, start: number): FrameResult {
  if (bytes.length - start < PREFIX_BYTES) return { type: 'incomplete', needed: PREFIX_BYTES }
  const length = bytes.readUInt32LE(start)
  // No record is empty; zeros are what a file system leaves of writes that a loss of power undid, and their CRC is right.
  if (length === 0 || length > LARGEST_FRAME) {
    return { type: 'damaged', reason: 'format', message: `a frame states a length of ${length} bytes` }
  }
  const end = start + PREFIX_BYTES + length
  if (end > bytes.length) return { type: 'incomplete', needed: PREFIX_BYTES + length }
  const payload = bytes.subarray(start + PREFIX_BYTES, end)
  if (crc32(payload) !== bytes.readUInt32LE(start + 4)) {
    return { type: 'damaged', reason: 'crc', message: "a frame's checksum is wrong" }
  }
  return { type: 'frame', payload, end }
}

const MAGIC = 'ABSGDLOG'
const KINDS = { steps: 1, samples: 2 } as const
const PREFIX_BYTES = 8
const LARGEST_FRAME = 64 * 1024 * 1024
