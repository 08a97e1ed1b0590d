/**
 * A number that few steps of a run have, such as a metric of evaluations, in bounded memory: a bucket has one value, later two, four,
 * … neighbouring values. Values may come in any order. For numbers of every step, see bucketed-series.ts.
 */
import { kindOf, type Series } from './bucketed-series.js'

interface Bucket {
  readonly from: number
  readonly through: number
  readonly values: number
  /** Over the finite values. */
  readonly min: number
  readonly max: number
  readonly sum: number
  readonly count: number
  /** See `SeriesView`. */
  readonly notFinite: number
}

/** @param most - Largest number of buckets, even. */
export function createSparseSeries(most = 1024): Series {
  let buckets: Bucket[] = []
  /** Values in a bucket. */
  let size = 1
  let version = 0
  let latest: { readonly step: number; readonly value: number } | undefined

  function place(bucket: Bucket): void {
    // Usually the last bucket.
    const index = buckets.findLastIndex(({ from }) => from <= bucket.from)
    const before = buckets[index]
    const joins = before !== undefined && (before.values < size || before.through >= bucket.from)
    if (joins) buckets[index] = joined(before, bucket)
    else buckets.splice(index + 1, 0, bucket)
  }

  return {
    // A sparse series has no entries for steps without a value.
    skip: () => undefined,
    add(step, value) {
      if (value === undefined) return
      version += 1
      if (latest === undefined || step >= latest.step) latest = { step, value }
      place(bucketOf(step, value))
      if (buckets.length <= most) return
      const pairs = Array.from({ length: Math.ceil(buckets.length / 2) }, (_, i) =>
        buckets.slice(2 * i, 2 * i + 2),
      )
      buckets = pairs.map((pair) => pair.reduce(joined))
      size *= 2
    },
    cutFrom(step) {
      if (latest === undefined || latest.step < step) return
      version += 1
      buckets = buckets.filter(({ through }) => through < step)
      latest = undefined
    },
    version: () => version,
    latest: () => latest?.value,
    view() {
      const column = (of: (bucket: Bucket) => number) => Float64Array.from(buckets, of)
      return {
        width: size,
        x: column(({ from, through }) => (from + through) / 2),
        min: column(({ count, min }) => (count > 0 ? min : NaN)),
        max: column(({ count, max }) => (count > 0 ? max : NaN)),
        mean: column(({ sum, count }) => sum / count),
        notFinite: Uint8Array.from(buckets, ({ notFinite }) => notFinite),
      }
    },
  }
}

function bucketOf(step: number, value: number): Bucket {
  const kind = kindOf(value)
  const finite = kind === 0 ? { min: value, max: value, sum: value, count: 1 } : NO_VALUE
  return { from: step, through: step, values: 1, ...finite, notFinite: kind }
}

function joined(a: Bucket, b: Bucket): Bucket {
  return {
    from: Math.min(a.from, b.from),
    through: Math.max(a.through, b.through),
    values: a.values + b.values,
    min: Math.min(a.min, b.min),
    max: Math.max(a.max, b.max),
    sum: a.sum + b.sum,
    count: a.count + b.count,
    notFinite: a.notFinite | b.notFinite,
  }
}

const NO_VALUE = { min: Infinity, max: -Infinity, sum: 0, count: 0 }
