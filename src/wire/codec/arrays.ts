/**
 * Arrays on the wire are bytes, little-endian, as on every machine that this package supports. They are copied on
 * their way in: protobuf hands out views at odd offsets, which a typed array cannot be laid over.
 */
import { violation } from './numbers.js'

/** Where the arrays of one message are copied to. An ArrayBuffer for each would take longer than all the rest of decoding. */
export interface Arena {
  /** Copies `bytes`, which must be `count` values of `size` bytes, and returns where they are. */
  copy(bytes: Uint8Array, count: number, size: number, field: string): { buffer: ArrayBuffer; offset: number }
}

/**
 * Arrays of a small message lie in a block that messages share, as a block for each would keep the collector busy for longer
 * than decoding takes. What keeps one such array keeps its block.
 *
 * @param messageBytes - Size of the message: its arrays cannot be larger, but for what alignment takes.
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

/** `count` when there is something, 0 when the array is absent. */
export function countUnlessEmpty(bytes: Uint8Array, count: number): number {
  return bytes.length === 0 ? 0 : count
}

/** A view: the message is serialised before the array can change. */
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
