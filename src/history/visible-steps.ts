/**
 * The visible history of a run: the steps that its rewinds do not hide.
 *
 * A rewind to step r under attempt a hides the steps ≥ r of all attempts before a, whenever their records arrive
 * (proto/README.md, "Identity").
 */
import {
  addInterval,
  below,
  overlaps,
  totalLength,
  unionLength,
  type Interval,
  type Intervals,
} from './series/intervals.js'

export interface RewindPoint {
  /** The attempt that begins. */
  readonly attempt: number
  /** Its first step. */
  readonly toStep: number
  /** "resume" or "restore". */
  readonly cause: string
}

/** First step of `attempt` that is hidden; Infinity when none is. */
export function hiddenFrom(rewinds: readonly RewindPoint[], attempt: number): number {
  let first = Infinity
  for (const rewind of rewinds) if (rewind.attempt > attempt) first = Math.min(first, rewind.toStep)
  return first
}

/** Whether a report, or an evaluation after it, of this step is part of the visible history. */
export function isVisible(rewinds: readonly RewindPoint[], attempt: number, step: number): boolean {
  return step < hiddenFrom(rewinds, attempt)
}

/** Which steps an attempt has reported. */
export interface Reported {
  readonly attempt: number
  readonly steps: Intervals
  /** Repeated reports: one entry for each repetition, so that entries may overlap. */
  readonly again: readonly Interval[]
}

/** Adds the report of the steps of `interval`. */
export function addReport(
  all: readonly Reported[],
  attempt: number,
  interval: Interval,
): readonly Reported[] {
  const before = all.find((reported) => reported.attempt === attempt) ?? { attempt, steps: [], again: [] }
  const again = overlaps(before.steps, interval)
  const after = {
    attempt,
    steps: addInterval(before.steps, interval),
    again: again.length === 0 ? before.again : again.reduce(append, before.again),
  }
  return [...all.filter((reported) => reported.attempt !== attempt), after]
}

/** Number of steps in [0, position) that the visible history does not have. */
export function countLost(
  all: readonly Reported[],
  rewinds: readonly RewindPoint[],
  position: number,
): number {
  const visible = all.flatMap(({ attempt, steps }) => below(steps, hiddenFrom(rewinds, attempt)))
  return Math.max(0, position - unionLength(below(visible, position)))
}

/** Number of reports of steps that the visible history already has, from any attempt. */
export function countDuplicated(all: readonly Reported[], rewinds: readonly RewindPoint[]): number {
  const steps = all.flatMap(({ attempt, steps }) => below(steps, hiddenFrom(rewinds, attempt)))
  const again = all.flatMap(({ attempt, again }) => below(again, hiddenFrom(rewinds, attempt)))
  return totalLength(steps) - unionLength(steps) + totalLength(again)
}

/** One past the last step that the visible history reports; 0 when it reports none. */
export function reportedThrough(all: readonly Reported[], rewinds: readonly RewindPoint[]): number {
  const ends = all.map(({ attempt, steps }) => Math.min(steps.at(-1)?.to ?? 0, hiddenFrom(rewinds, attempt)))
  return Math.max(0, ...ends)
}

/** Consecutive repetitions become one entry, so that a stream sent twice stays small. */
function append(list: readonly Interval[], next: Interval): readonly Interval[] {
  const last = list.at(-1)
  if (last?.to !== next.from) return [...list, next]
  return [...list.slice(0, -1), { from: last.from, to: next.to }]
}
