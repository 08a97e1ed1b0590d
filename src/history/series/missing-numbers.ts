/**
 * Per-step numbers of the user's own: NaN in a column says that the step has no such number. A number that is itself NaN has the
 * bits of `NOT_A_NUMBER` (proto/absgd/v1/report.proto), which every reader that does not know them takes for none.
 */

/** Whether step `i` of a column has no number. */
export function isMissing(column: Float64Array, i: number): boolean {
  return Number.isNaN(column[i]) && !hasPayload(column, i)
}

/** The last number of a column up to step `i`, NaN included; undefined where no step has one. */
export function lastNumber(column: Float64Array, i: number): number | undefined {
  for (let k = i; k >= 0; k -= 1) if (!isMissing(column, k)) return column[k]
  return undefined
}

/** A column of numbers of which `undefined` is none. */
export function columnOf(numbers: readonly (number | undefined)[]): Float64Array {
  const column = Float64Array.from(numbers, (number) => number ?? NaN)
  const words = new Uint32Array(column.buffer)
  numbers.forEach((number, i) => {
    if (number !== undefined && Number.isNaN(number)) words.set(NOT_A_NUMBER, 2 * i)
  })
  return column
}

/** Read as bits: a number that a program computes with may lose them. */
function hasPayload(column: Float64Array, i: number): boolean {
  return new Uint32Array(column.buffer, column.byteOffset + 8 * i, 1)[0] === NOT_A_NUMBER[0]
}

/** Low and high word of the float64 that is a number, and NaN: little-endian, as arrays on the wire are. */
const NOT_A_NUMBER = [1, 0x7ff80000] as const
