/** Numbers of every sample, by its index: 48 bytes for each sample, for any number of epochs. */

/** The arrays may be longer than the number of samples, so that they rarely have to grow. */
export interface SampleColumns {
  /** Sum of its losses. */
  readonly sums: Float64Array
  /** Sum of their squares. */
  readonly squares: Float64Array
  /** Sum of its relative weights: weight × samples in the batch, so that 1 is even. */
  readonly weights: Float64Array
  /** How often the sample was seen. */
  readonly counts: Uint32Array
  /** Its latest loss; NaN before the first. */
  readonly last: Float32Array
  /** Label as used in training; `UNKNOWN_LABEL` if unknown. The same holds for the arrays below. */
  readonly labels: Uint32Array
  readonly trueLabels: Uint32Array
  /** Class that the model predicted. */
  readonly predicted: Uint32Array
  /** Probability that the model gave to its label; NaN if unknown. */
  readonly probabilities: Float32Array
}

export const UNKNOWN_LABEL = 0xffffffff

export function emptyColumns(capacity: number): SampleColumns {
  return {
    sums: new Float64Array(capacity),
    squares: new Float64Array(capacity),
    weights: new Float64Array(capacity),
    counts: new Uint32Array(capacity),
    last: new Float32Array(capacity).fill(NaN),
    labels: new Uint32Array(capacity).fill(UNKNOWN_LABEL),
    trueLabels: new Uint32Array(capacity).fill(UNKNOWN_LABEL),
    predicted: new Uint32Array(capacity).fill(UNKNOWN_LABEL),
    probabilities: new Float32Array(capacity).fill(NaN),
  }
}

/** Columns with at least `size` entries: the given ones, or larger copies. */
export function withRoomFor(columns: SampleColumns, size: number): SampleColumns {
  if (size <= columns.sums.length) return columns
  const larger = emptyColumns(Math.max(size, 2 * columns.sums.length))
  for (const name of Object.keys(larger) as (keyof SampleColumns)[]) larger[name].set(columns[name])
  return larger
}
