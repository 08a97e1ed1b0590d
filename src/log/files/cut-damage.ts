/** Cuts an unreadable end off a log before a writer appends to it. */
import { closeSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs'
import { AbsgdError } from '../../errors.js'
import type { Stream } from '../../record/record.js'
import { decodeHeader, HEADER_BYTES, headerProblem, readFrame } from './frame.js'

export interface Cut {
  readonly file: string
  /** First byte that was cut off. */
  readonly offset: number
  readonly bytes: number
  /** Path of the file that the cut bytes were moved to. */
  readonly movedTo: string
}

/**
 * Cuts the file after its last readable frame, because nothing that is appended behind damage can be read. The bytes behind it are moved
 * to a file in the same folder.
 *
 * @throws AbsgdError 'log' when the file is no log of the stream, or has a newer format; the file is not changed.
 */
export function cutDamage(fd: number, path: string, stream: Stream): Cut | undefined {
  const { size } = fstatSync(fd)
  const offset = readableEnd(fd, path, stream, size)
  if (offset === size) return undefined
  const movedTo = copyRest(fd, offset, `${path}.cut-${offset}`)
  ftruncateSync(fd, offset)
  return { file: path, offset, bytes: size - offset, movedTo }
}

function readableEnd(fd: number, path: string, stream: Stream, size: number): number {
  if (size < HEADER_BYTES) return 0
  let buffer = Buffer.allocUnsafe(CHUNK_BYTES)
  const header = Buffer.alloc(HEADER_BYTES)
  readSync(fd, header, 0, HEADER_BYTES, 0)
  const problem = headerProblem(decodeHeader(header), stream)
  if (problem !== undefined) throw new AbsgdError('log', `cannot go on with ${path}: ${problem}`)
  let offset = HEADER_BYTES
  for (;;) {
    const bytes = buffer.subarray(0, readSync(fd, buffer, 0, buffer.length, offset))
    const begin = offset
    let result = readFrame(bytes, 0)
    while (result.type === 'frame') {
      offset = begin + result.end
      result = readFrame(bytes, result.end)
    }
    if (result.type === 'damaged' || offset + result.needed > size) return offset
    if (result.needed > buffer.length) buffer = Buffer.allocUnsafe(result.needed)
  }
}

/** @returns the path of the copy. A copy of an earlier cut at the same byte is not overwritten. */
function copyRest(fd: number, from: number, base: string): string {
  const { path, target } = createFile(base)
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES)
  try {
    for (let offset = from; ;) {
      const count = readSync(fd, buffer, 0, buffer.length, offset)
      if (count === 0) return path
      for (let written = 0; written < count;) written += writeSync(target, buffer, written, count - written)
      offset += count
    }
  } finally {
    closeSync(target)
  }
}

function createFile(base: string): { readonly path: string; readonly target: number } {
  for (let number = 1; ; number++) {
    const path = number === 1 ? base : `${base}-${number}`
    try {
      return { path, target: openSync(path, 'wx', 0o600) }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
  }
}

const CHUNK_BYTES = 1024 * 1024
