/** Selects the steps that a preview of a run shows. */
import type { RunSchedule } from './run-schedule.js'

/** The steps at which a control begins another curve. */
export function breakpoints({ segments }: RunSchedule): number[] {
  return [...segments.values()].flatMap((all) => all.map(({ from }) => from))
}

/** The steps at which curves begin and end, with the quarters of each curve, up to `last`. */
export function notableSteps(schedule: RunSchedule, last: number): number[] {
  const quarters = [...schedule.segments.values()]
    .flat()
    .filter(({ curve, from }) => curve !== 'constant' && from < last)
    .flatMap(({ from, to }) =>
      [0.25, 0.5, 0.75].map((part) => Math.round(from + part * (Math.min(to, last) - from))),
    )
  return ascending([...breakpoints(schedule).filter((step) => step <= last), ...quarters, last])
}

/** Evenly spaced steps, and both sides of every breakpoint, so that jumps are drawn as vertical lines. */
export function curveSteps(schedule: RunSchedule, shown: number): Float64Array {
  const even = Array.from({ length: CURVE_POINTS + 1 }, (_, i) => Math.round((i * shown) / CURVE_POINTS))
  const edges = breakpoints(schedule).flatMap((step) => (step > 0 && step < shown ? [step - 1, step] : []))
  return Float64Array.from(ascending([...even, ...edges]))
}

/** Numbers of steps after which an event happens, before `shown` and at the end of the run. */
export function eventSteps(schedule: RunSchedule, kind: 'evaluate' | 'checkpoint', shown: number): number[] {
  const planned = schedule
    .events(0, shown)
    .flatMap((event) => (event.kind === kind ? [event.afterStep + 1] : []))
  return schedule.runSteps === 0 ? planned : ascending([...planned, schedule.runSteps])
}

/** Steps in ascending order, without repetition. */
export function ascending(steps: readonly number[]): number[] {
  return [...new Set(steps)].toSorted((a, b) => a - b)
}

const CURVE_POINTS = 240
