/** Appends frames to an open file: the only writer of the format, used by logs and by spool segments. */
import { fstatSync, ftruncateSync, writeSync } from 'node:fs'
import type { Stream } from '../../record/record.js'
import { VERSION } from '../../version.js'
import { encodeHeader } from './frame.js'

export interface FrameWriter {
  /** Size of the file in bytes: the header and whole frames. */
  size(): number
  /**
   * Appends whole frames, as `encodeFrame` makes them. When the disk refuses them, the file is cut back to its former size.
   *
   * @throws Error of the file system. The same call may be tried again, unless `isBroken`.
   */
  write(frames: Uint8Array): void
  /** Whether a part of a frame is left at the end of the file and could not be cut off. Every further write throws. */
  isBroken(): boolean
}

/**
 * @param fd - Of a file opened for appending. An empty file gets its header first.
 * @throws Error of the file system when the header cannot be written.
 */
export function createFrameWriter(fd: number, stream: Stream): FrameWriter {
  let size = fstatSync(fd).size
  let broken: Error | undefined

  function write(bytes: Uint8Array): void {
    if (broken !== undefined) throw broken
    try {
      for (let written = 0; written < bytes.length;) written += writeSync(fd, bytes, written)
    } catch (error) {
      cutBack()
      throw error
    }
    size += bytes.length
  }

  /** Nothing that is appended behind a part of a frame could be read. */
  function cutBack(): void {
    try {
      ftruncateSync(fd, size)
    } catch (error) {
      broken = error as Error
    }
  }

  if (size === 0) write(encodeHeader(stream, VERSION))
  return { size: () => size, write, isBroken: () => broken !== undefined }
}
