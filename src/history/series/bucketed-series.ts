/**
 * A number over the steps of a run in constant memory: buckets of steps with minimum, maximum and mean. The width of the buckets
 * doubles when the run exceeds them. Steps may come in any order.
 */

export interface Series {
  /** Adds the value of a step; undefined if the step has none. */
  add(step: number, value: number | undefined): void
  /** Adds a step without this number, which is not shown as a gap. */
  skip(step: number): void
  /** Removes the steps from `step` on. A bucket that contains `step` is removed as a whole. */
  cutFrom(step: number): void
  /** A number that changes with every change of the series. */
  version(): number
  /** The value of the last step that has one; undefined if there is none, and after `cutFrom` until the next value. */
  latest(): number | undefined
  view(): SeriesView
}

/** One entry for each bucket, sorted by step. */
export interface SeriesView {
  /** Steps in a bucket; in a sparse series, values. */
  readonly width: number
  /** The middle of a bucket. */
  readonly x: Float64Array
  /** Over the finite values; NaN if a bucket has none. */
  readonly min: Float64Array
  readonly max: Float64Array
  readonly mean: Float64Array
  /** Kinds of NaN or infinite values in the bucket: a sum of `NOT_FINITE`; 0 for none. */
  readonly notFinite: Uint8Array
}

export const NOT_FINITE = { nan: 1, infinity: 2, minusInfinity: 4 } as const

/** One of `NOT_FINITE`; 0 for a finite value. */
export function kindOf(value: number): number {
  if (Number.isFinite(value)) return 0
  if (Number.isNaN(value)) return NOT_FINITE.nan
  return value > 0 ? NOT_FINITE.infinity : NOT_FINITE.minusInfinity
}

export interface SeriesOptions {
  /** An even number. @default 1024 */
  readonly buckets?: number
}

/** A bucket without a value is an entry of its own, a gap. For numbers that few steps have, see sparse-series.ts. */
export function createSeries({ buckets = BUCKETS }: SeriesOptions = {}): Series {
  let width = 1
  /** One past the last step that was added, with or without a value. */
  let end = 0
  let version = 0
  const min = new Float64Array(buckets).fill(Infinity)
  const max = new Float64Array(buckets).fill(-Infinity)
  const sum = new Float64Array(buckets)
  const count = new Float64Array(buckets)
  const skipped = new Uint8Array(buckets)
  const notFinite = new Uint8Array(buckets)
  let latest: { readonly step: number; readonly value: number } | undefined

  function clear(from: number): void {
    min.fill(Infinity, from)
    max.fill(-Infinity, from)
    sum.fill(0, from)
    count.fill(0, from)
    skipped.fill(0, from)
    notFinite.fill(0, from)
  }

  function widen(): void {
    const half = buckets / 2
    for (let i = 0; i < half; i += 1) {
      min[i] = Math.min(min[2 * i]!, min[2 * i + 1]!)
      max[i] = Math.max(max[2 * i]!, max[2 * i + 1]!)
      sum[i] = sum[2 * i]! + sum[2 * i + 1]!
      count[i] = count[2 * i]! + count[2 * i + 1]!
      skipped[i] = skipped[2 * i]! | skipped[2 * i + 1]!
      notFinite[i] = notFinite[2 * i]! | notFinite[2 * i + 1]!
    }
    clear(half)
    width *= 2
  }

  function reach(step: number): void {
    version += 1
    while (step >= width * buckets) widen()
    if (step >= end) end = step + 1
  }

  return {
    skip(step) {
      reach(step)
      skipped[Math.floor(step / width)] = 1
    },
    add(step, value) {
      reach(step)
      if (value === undefined) return
      if (latest === undefined || step >= latest.step) latest = { step, value }
      const i = Math.floor(step / width)
      // ±Infinity and NaN alike.
      if (value - value !== 0) {
        notFinite[i]! |= kindOf(value)
        return
      }
      if (value < min[i]!) min[i] = value
      if (value > max[i]!) max[i] = value
      sum[i]! += value
      count[i]! += 1
    },
    cutFrom(step) {
      if (step >= end) return
      version += 1
      clear(Math.floor(step / width))
      end = step
      if (latest !== undefined && latest.step >= step) latest = undefined
    },
    version: () => version,
    latest: () => latest?.value,
    view() {
      const kept: number[] = []
      for (let i = 0; i * width < end; i += 1)
        if (count[i]! > 0 || notFinite[i]! > 0 || skipped[i] === 0) kept.push(i)
      const columns = (of: (i: number) => number) => Float64Array.from(kept, of)
      return {
        width,
        x: columns((i) => i * width + (Math.min(width, end - i * width) - 1) / 2),
        min: columns((i) => (count[i]! > 0 ? min[i]! : NaN)),
        max: columns((i) => (count[i]! > 0 ? max[i]! : NaN)),
        mean: columns((i) => sum[i]! / count[i]!),
        notFinite: Uint8Array.from(kept, (i) => notFinite[i]!),
      }
    },
  }
}

const BUCKETS = 1024
