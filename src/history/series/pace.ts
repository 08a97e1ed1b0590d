/** The speed of a run, from the times of its records. Evaluations and checkpoints count, pauses do not. */
import type { LogRecord } from '../../record/record.js'
import type { RunSnapshot } from '../run-snapshot.js'

export interface Pace {
  /** Steps done at certain times, in order, at most `POINTS_KEPT`. Empty while the run is paused. */
  readonly points: readonly PacePoint[]
}

interface PacePoint {
  readonly timeMs: number
  readonly step: number
}

export function initialPace(): Pace {
  return { points: [] }
}

/** @param after - the snapshot after the record. */
export function withPace(pace: Pace, { body, timeMs }: LogRecord, after: RunSnapshot): Pace {
  switch (body.type) {
    case 'step-batch': {
      if (body.attempt !== after.attempt) return pace
      const { points } = pace
      const last = points.at(-1)
      if (last !== undefined && (timeMs - last.timeMs < LEAST_DISTANCE_MS || after.position <= last.step))
        return pace
      const recent = points.length < POINTS_KEPT ? points : points.slice(1)
      return { points: [...recent, { timeMs, step: after.position }] }
    }
    case 'worker-joined':
    case 'rewind':
      return initialPace()
    case 'progress':
      return body.phase === 'paused' || body.phase === 'waiting' ? initialPace() : pace
    default:
      return pace
  }
}

/** Steps per second over about the last half minute; undefined while unknown. */
export function stepsPerSecond({ points }: Pace): number | undefined {
  const [first] = points
  const last = points.at(-1)
  if (first === undefined || last === undefined || last.timeMs <= first.timeMs) return undefined
  return ((last.step - first.step) / (last.timeMs - first.timeMs)) * 1000
}

/** Undefined while unknown, and for a run that trains until it is stopped. */
export function secondsLeft(pace: Pace, { runSteps, position }: RunSnapshot): number | undefined {
  const rate = stepsPerSecond(pace)
  return rate === undefined || rate === 0 || runSteps === 0 ? undefined : (runSteps - position) / rate
}

const LEAST_DISTANCE_MS = 500
const POINTS_KEPT = 60
