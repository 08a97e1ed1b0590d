/**
 * Numbers that a task or script logs at some steps. NaN in a column means that the step has no such number. A number that is itself
 * NaN has the bits of `NOT_A_NUMBER` (proto/absgd/v1/report.proto); a reader that does not know these bits treats it as missing.
 */

/** Whether step `i` of a column has no number. */
export function isMissing(column: Float64Array, i: number): boolean {
  return Number.isNaN(column[i]) && !hasPayload(column, i)
}

/** The last number of a column up to step `i`, NaN included; undefined if no step has one. */
export function lastNumber(column: Float64Array, i: number): number | undefined {
  for (let k = i; k >= 0; k -= 1) if (!isMissing(column, k)) return column[k]
  return undefined
}

/** A column of numbers; `undefined` means that a step has none. */
export function columnOf(numbers: readonly (number | undefined)[]): Float64Array {
  const column = Float64Array.from(numbers, (number) => number ?? NaN)
  const words = new Uint32Array(column.buffer)
  numbers.forEach((number, i) => {
    if (number !== undefined && Number.isNaN(number)) words.set(NOT_A_NUMBER, 2 * i)
  })
  return column
}

/** Compares bits, because arithmetic on a NaN may change its bits. */
function hasPayload(column: Float64Array, i: number): boolean {
  return new Uint32Array(column.buffer, column.byteOffset + 8 * i, 1)[0] === NOT_A_NUMBER[0]
}

/** Low and high word of the float64 that stands for a logged NaN; little-endian, like arrays on the wire. */
const NOT_A_NUMBER = [1, 0x7ff80000] as const
