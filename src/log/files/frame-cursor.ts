/** Reads a log file or spool segment frame by frame, and continues at the same place when the file has grown. */
import { open, type FileHandle } from 'node:fs/promises'
import type { Stream } from '../../record/record.js'
import { decodeHeader, HEADER_BYTES, headerProblem, isNewer, readFrame } from './frame.js'

/** Why and where a file cannot be read any further. */
export interface Damage {
  /** Absolute path. */
  readonly file: string
  /** First byte that is not read; for `record`, the first byte of the frame that is left out. */
  readonly offset: number
  /**
   * - `torn`: the last frame is incomplete, and no writer is active.
   * - `crc`: a checksum is wrong.
   * - `format`: the file is no log, or a length is impossible.
   * - `newer`: a newer version of absgd wrote it.
   * - `record`: the checksum is right, but the record violates the contract; the frames behind it are read.
   */
  readonly reason: 'torn' | 'crc' | 'format' | 'newer' | 'record'
  readonly message: string
}

export interface Frame {
  /** First byte of the frame in the file. */
  readonly offset: number
  /** Valid until the next block is requested: copy it to keep it. */
  readonly payload: Uint8Array
}

export interface Cursor {
  readonly path: string
  readonly stream: Stream
  /**
   * The complete frames from the cursor to the current end of the file, in blocks of one read each, because a promise for each frame
   * would cost as much as decoding it. Read each block to its end. There are no blocks while the file does not exist.
   */
  blocks(): AsyncGenerator<Iterable<Frame>>
  /** Bytes at the end of the file that are not a complete frame yet; 0 after damage. */
  rest(): number
  /** The damage that ended the reading; undefined if there is none. */
  damage(): Damage | undefined
  /** First byte that was not read as a frame. */
  offset(): number
  close(): Promise<void>
}

/** @param chunkBytes - Bytes of one read. */
export function openCursor(path: string, stream: Stream, chunkBytes = CHUNK_BYTES): Cursor {
  let handle: FileHandle | undefined
  let buffer = Buffer.allocUnsafe(chunkBytes)
  let offset = 0
  let rest = 0
  let damage: Damage | undefined

  function stop(reason: Damage['reason'], message: string): void {
    damage = { file: path, offset, reason, message }
    rest = 0
  }

  /** Reads from the first unread frame on. The bytes behind it are read again, because a new writer may have cut them off. */
  async function fill(file: FileHandle): Promise<Buffer> {
    const { bytesRead } = await file.read(buffer, 0, buffer.length, offset)
    return buffer.subarray(0, bytesRead)
  }

  async function readHeader(file: FileHandle): Promise<boolean> {
    const bytes = await fill(file)
    if (bytes.length < HEADER_BYTES) {
      rest = bytes.length
      return false
    }
    const header = decodeHeader(bytes)
    const problem = headerProblem(header, stream)
    if (problem !== undefined) {
      stop(isNewer(header) ? 'newer' : 'format', problem)
      return false
    }
    offset = HEADER_BYTES
    return true
  }

  async function* blocks(): AsyncGenerator<Iterable<Frame>> {
    handle ??= await openExisting(path)
    if (handle === undefined || damage !== undefined) return
    if (offset === 0 && !(await readHeader(handle))) return
    for (;;) {
      const bytes = await fill(handle)
      const begin = offset
      const first = readFrame(bytes, 0)
      if (first.type === 'frame') yield framesOf(bytes, begin)
      const result = readFrame(bytes, offset - begin)
      if (result.type === 'damaged') {
        stop(result.reason, result.message)
        return
      }
      const needed = result.type === 'frame' ? 0 : result.needed
      // If the buffer was full and had further frames, there may be more to read. This is the common case in a long log.
      if (bytes.length === buffer.length && offset > begin && needed <= buffer.length) continue
      const { size } = await handle.stat()
      rest = Math.max(0, size - offset)
      if (rest < needed || rest === 0) return
      if (needed > buffer.length) buffer = Buffer.allocUnsafe(needed)
    }
  }

  function* framesOf(bytes: Buffer, begin: number): Generator<Frame> {
    for (;;) {
      const result = readFrame(bytes, offset - begin)
      if (result.type !== 'frame') return
      const frame = { offset, payload: result.payload }
      offset = begin + result.end
      yield frame
    }
  }

  return {
    path,
    stream,
    blocks,
    rest: () => rest,
    damage: () => damage,
    offset: () => offset,
    async close() {
      await handle?.close()
      handle = undefined
    },
  }
}

async function openExisting(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

const CHUNK_BYTES = 1024 * 1024
