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

/** @param messageBytes - Size of the message: its arrays cannot be larger, but for what alignment takes. */
export function createArena(messageBytes: number): Arena {
  let block: Uint8Array<ArrayBuffer> | undefined
  let used = 0
  return {
    copy(bytes, count, size, field) {
      if (bytes.length !== count * size) {
        throw violation(
          field,
          `has ${bytes.length} bytes; ${count} values of ${size} bytes are ${count * size}`,
        )
      }
      let offset = Math.ceil(used / ALIGNMENT) * ALIGNMENT
      if (block === undefined || offset + bytes.length > block.length) {
        block = new Uint8Array(new ArrayBuffer(Math.max(messageBytes, bytes.length)))
        offset = 0
      }
      block.set(bytes, offset)
      used = offset + bytes.length
      return { buffer: block.buffer, offset }
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
