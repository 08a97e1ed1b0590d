/**
 * A number over the steps of a run in constant memory: buckets of steps that keep minimum, maximum and mean, and double in width
 * whenever the run outgrows them. Steps may come in any order.
 */

export interface Series {
  /** Takes the value of a step; NaN and ±Infinity are none. */
  add(step: number, value: number): void
  /** Takes a step that has no such number, which is no gap. */
  skip(step: number): void
  /** Forgets the steps from `step` on. A bucket that begins before it and holds some of them is forgotten whole. */
  cutFrom(step: number): void
  /** Changes with every change of the series. */
  version(): number
  view(): SeriesView
}

/** One entry a bucket, by step. */
export interface SeriesView {
  /** Steps in a bucket. */
  readonly width: number
  /** The middle of a bucket. */
  readonly x: Float64Array
  /** NaN where a bucket has no value. */
  readonly min: Float64Array
  readonly max: Float64Array
  readonly mean: Float64Array
}

export interface SeriesOptions {
  /** An even number. @default 1024 */
  readonly buckets?: number
  /** Whether a bucket without a value is an entry of its own, a gap; a series of few steps has none. @default true */
  readonly gaps?: boolean
}

export function createSeries({ buckets = BUCKETS, gaps = true }: SeriesOptions = {}): Series {
  let width = 1
  /** One past the last step that was added, value or none. */
  let end = 0
  let version = 0
  const min = new Float64Array(buckets).fill(Infinity)
  const max = new Float64Array(buckets).fill(-Infinity)
  const sum = new Float64Array(buckets)
  const count = new Float64Array(buckets)
  const skipped = new Uint8Array(buckets)

  function clear(from: number): void {
    min.fill(Infinity, from)
    max.fill(-Infinity, from)
    sum.fill(0, from)
    count.fill(0, from)
    skipped.fill(0, from)
  }

  function widen(): void {
    const half = buckets / 2
    for (let i = 0; i < half; i += 1) {
      min[i] = Math.min(min[2 * i]!, min[2 * i + 1]!)
      max[i] = Math.max(max[2 * i]!, max[2 * i + 1]!)
      sum[i] = sum[2 * i]! + sum[2 * i + 1]!
      count[i] = count[2 * i]! + count[2 * i + 1]!
      skipped[i] = skipped[2 * i]! | skipped[2 * i + 1]!
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
      // ±Infinity and NaN alike.
      if (value - value !== 0) return
      const i = Math.floor(step / width)
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
    },
    version: () => version,
    view() {
      const kept: number[] = []
      for (let i = 0; i * width < end; i += 1) if (count[i]! > 0 || (gaps && skipped[i] === 0)) kept.push(i)
      const columns = (of: (i: number) => number) => Float64Array.from(kept, of)
      return {
        width,
        x: columns((i) => i * width + (Math.min(width, end - i * width) - 1) / 2),
        min: columns((i) => (count[i]! > 0 ? min[i]! : NaN)),
        max: columns((i) => (count[i]! > 0 ? max[i]! : NaN)),
        mean: columns((i) => sum[i]! / count[i]!),
      }
    },
  }
}

const BUCKETS = 1024
