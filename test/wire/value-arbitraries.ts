/** Values at random that fields of the contract may have. */
import fc from 'fast-check'

export const uint32 = fc.nat({ max: 2 ** 32 - 1 })
export const integer = fc.oneof(fc.nat(), fc.constantFrom(0, 2 ** 32, 2 ** 53 - 1, 2 ** 53))
export const text = fc.string({ unit: 'grapheme' })
export const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
export const position = fc.record({ attempt: uint32, step: integer })
export const type = <const T>(word: T) => fc.constant(word)

/** Arrays of `count` values. */
export const f64 = (count: number) =>
  fc.float64Array({ minLength: count, maxLength: count }).map((array) => Float64Array.from(array))
export const f32 = (count: number) =>
  fc.float32Array({ minLength: count, maxLength: count }).map((array) => Float32Array.from(array))
export const u32 = (count: number) =>
  fc.uint32Array({ minLength: count, maxLength: count }).map((array) => Uint32Array.from(array))
export const probabilities = (count: number) =>
  f32(count).map((array) => array.map((value) => Math.abs(value) % 1))
export const capped = (count: number) =>
  fc.int8Array({ min: -1, max: 1, minLength: count, maxLength: count }).map((array) => Int8Array.from(array))
export const maybe = (count: number) => fc.oneof(u32(0), u32(count))
export const columns = (count: number) => fc.dictionary(name, f64(count), { maxKeys: 3 })
