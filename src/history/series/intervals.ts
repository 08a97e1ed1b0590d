/** Sets of steps as sorted, disjoint, half-open intervals: 10⁶ consecutive steps are one entry. */

/** The steps `from` ≤ s < `to`. */
export interface Interval {
  readonly from: number
  readonly to: number
}

/** Sorted; no two touch. */
export type Intervals = readonly Interval[]

/** The set with an interval added. */
export function addInterval(set: Intervals, added: Interval): Intervals {
  if (added.to <= added.from) return set
  // Steps usually come in order, so that only the last one or two entries change.
  let first = set.length
  while (first > 0 && set[first - 1]!.to >= added.from) first -= 1
  let end = first
  let { from, to } = added
  while (end < set.length && set[end]!.from <= added.to) {
    from = Math.min(from, set[end]!.from)
    to = Math.max(to, set[end]!.to)
    end += 1
  }
  return [...set.slice(0, first), { from, to }, ...set.slice(end)]
}

/** The parts of `interval` that the set already contains. */
export function overlaps(set: Intervals, interval: Interval): Intervals {
  const found: Interval[] = []
  for (let i = set.length - 1; i >= 0 && set[i]!.to > interval.from; i -= 1) {
    const from = Math.max(set[i]!.from, interval.from)
    const to = Math.min(set[i]!.to, interval.to)
    if (from < to) found.unshift({ from, to })
  }
  return found
}

/** The parts below `limit`. */
export function below(intervals: readonly Interval[], limit: number): readonly Interval[] {
  if (limit === Infinity) return intervals
  return intervals
    .filter((interval) => interval.from < limit)
    .map(({ from, to }) => ({ from, to: Math.min(to, limit) }))
}

/** Sum of the lengths of all intervals; a step in two intervals counts twice. */
export function totalLength(intervals: readonly Interval[]): number {
  return intervals.reduce((sum, { from, to }) => sum + to - from, 0)
}

/** Number of steps in at least one of the intervals, which may overlap and be in any order. */
export function unionLength(intervals: readonly Interval[]): number {
  const sorted = intervals.toSorted((a, b) => a.from - b.from)
  let length = 0
  let reached = -Infinity
  for (const { from, to } of sorted) {
    length += Math.max(0, to - Math.max(from, reached))
    reached = Math.max(reached, to)
  }
  return length
}
