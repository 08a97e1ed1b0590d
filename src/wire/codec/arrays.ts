/**
 * Arrays as bytes. They are little-endian, as on every machine that this package supports. Decoding copies them: protobuf
 * returns views at odd offsets, at which a typed array is not possible.
 */
import { violation } from './numbers.js'

/** Memory for the arrays of one message. An ArrayBuffer for each array would take longer than the rest of decoding. */
export interface Arena {
  /** Copies `bytes`, which must be `count` values of `size` bytes, and returns the place of the copy. */
  copy(bytes: Uint8Array, count: number, size: number, field: string): { buffer: ArrayBuffer; offset: number }
}

/**
 * Small messages share a block: collecting one block for each would take longer than decoding. A reference to one such array keeps
 * its whole block in memory.
 *
 * @param messageBytes - Size of the message. Its arrays are not larger, apart from alignment.
 */
export function createArena(messageBytes: number): Arena {
  const own = messageBytes > LARGEST_SHARED ? { block: emptyBlock, used: 0 } : shared
  return {
    copy(bytes, count, size, field) {
      if (bytes.length !== count * size) {
        throw violation(
          field,
          `has ${bytes.length} bytes; ${count} values of ${size} bytes are ${count * size}`,
        )
      }
      let offset = Math.ceil(own.used / ALIGNMENT) * ALIGNMENT
      if (offset + bytes.length > own.block.length) {
        const least = own === shared ? SHARED_BYTES : messageBytes
        own.block = new Uint8Array(new ArrayBuffer(Math.max(least, bytes.length)))
        offset = 0
      }
      own.block.set(bytes, offset)
      own.used = offset + bytes.length
      return { buffer: own.block.buffer, offset }
    },
  }
}

export function readFloat64(arena: Arena, bytes: Uint8Array, count: number, field: string): Float64Array {
  const { buffer, offset } = arena.copy(bytes, count, Float64Array.BYTES_PER_ELEMENT, field)
  return new Float64Array(buffer, offset, count)
}

export function readFloat32(arena: Arena, bytes: Uint8Array, count: number, field: string): Float32Array {
  const { buffer, offset } = arena.copy(bytes, count, Float32Array.BYTES_PER_ELEMENT, field)
  return new Float32Array(buffer, offset, count)
}

export function readUint32(arena: Arena, bytes: Uint8Array, count: number, field: string): Uint32Array {
  const { buffer, offset } = arena.copy(bytes, count, Uint32Array.BYTES_PER_ELEMENT, field)
  return new Uint32Array(buffer, offset, count)
}

export function readInt8(arena: Arena, bytes: Uint8Array, count: number, field: string): Int8Array {
  const { buffer, offset } = arena.copy(bytes, count, Int8Array.BYTES_PER_ELEMENT, field)
  return new Int8Array(buffer, offset, count)
}

/** The number of values: `count`, or 0 if the array is absent. */
export function countUnlessEmpty(bytes: Uint8Array, count: number): number {
  return bytes.length === 0 ? 0 : count
}

/** The bytes of an array, without a copy: the message is serialised before the array can change. */
export function bytesOf(
  array: Float64Array | Float32Array | Uint32Array | Int8Array,
): Uint8Array<ArrayBuffer> {
  return new Uint8Array(array.buffer as ArrayBuffer, array.byteOffset, array.byteLength)
}

const ALIGNMENT = 8
const SHARED_BYTES = 256 * 1024
const LARGEST_SHARED = 16 * 1024
const emptyBlock = new Uint8Array(new ArrayBuffer(0))
const shared = { block: emptyBlock, used: 0 }
