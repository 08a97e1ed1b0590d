/**
 * Arrays on the wire are bytes, little-endian, as on every machine that this package supports. They are copied on
 * their way in: protobuf hands out views at odd offsets, which a typed array cannot be laid over.
 */
import { violation } from './numbers.js'

export function readFloat64(bytes: Uint8Array, count: number, field: string): Float64Array {
  return new Float64Array(copyOf(bytes, count, Float64Array.BYTES_PER_ELEMENT, field))
}

export function readFloat32(bytes: Uint8Array, count: number, field: string): Float32Array {
  return new Float32Array(copyOf(bytes, count, Float32Array.BYTES_PER_ELEMENT, field))
}

export function readUint32(bytes: Uint8Array, count: number, field: string): Uint32Array {
  return new Uint32Array(copyOf(bytes, count, Uint32Array.BYTES_PER_ELEMENT, field))
}

export function readInt8(bytes: Uint8Array, count: number, field: string): Int8Array {
  return new Int8Array(copyOf(bytes, count, Int8Array.BYTES_PER_ELEMENT, field))
}

/** `count` when there is something, 0 when the array is absent. */
export function countUnlessEmpty(bytes: Uint8Array, count: number): number {
  return bytes.length === 0 ? 0 : count
}

/** A view: the message is serialised before the array can change. */
export function bytesOf(array: Float64Array | Float32Array | Uint32Array | Int8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(array.buffer as ArrayBuffer, array.byteOffset, array.byteLength)
}

function copyOf(bytes: Uint8Array, count: number, size: number, field: string): ArrayBuffer {
  if (bytes.length !== count * size) {
    throw violation(field, `has ${bytes.length} bytes; ${count} values of ${size} bytes are ${count * size}`)
  }
  const copy = new ArrayBuffer(bytes.length)
  new Uint8Array(copy).set(bytes)
  return copy
}
