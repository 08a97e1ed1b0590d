/** Which rows to send and when. Plans run ahead of training, so that no step has to wait for its row. Pure. */
import type { Plan, PlanEvent, StepColumns } from '../../record/record.js'
import type { Segment } from '../../schedule/segment.js'

/** A run's controls and events, in steps. */
export interface RowSource {
  /** 0: until stopped. */
  readonly runSteps: number
  /** One array per control: `count` values, or a single one for all rows. */
  rows(first: number, count: number): StepColumns
  events(first: number, count: number): readonly PlanEvent[]
  /** The segments of each control from step 0 on; those with a feedback rule are decided while the run trains. */
  readonly segments?: ReadonlyMap<string, readonly Segment[]>
  /** First step after `first` at which a plan must end. @default no such step */
  cut?(first: number): number
}

/** The progress of planning within one lease. */
export interface Planning {
  /** Sequence of the run's last plan. */
  readonly planSeq: number
  /** First step whose row has not been sent to the worker. */
  readonly sentThrough: number
}

export interface PlanningInput {
  readonly source: RowSource
  readonly leaseEpoch: number
  readonly attempt: number
  /** Steps that the worker is known to have trained. */
  readonly step: number
  /** Rows to keep ahead of it. */
  readonly reach: number
  /** First step whose row is not known yet. @default Infinity */
  readonly through?: number
}

/**
 * The plans that bring the worker's rows up to `step + reach`, or to the end of the run.
 *
 * Plans end at multiples of {@link PLAN_ROWS}: the content of a plan depends only on the schedule and its first step, never on
 * when reports arrived.
 */
export function nextPlans(
  planning: Planning,
  input: PlanningInput,
): { readonly planning: Planning; readonly plans: readonly Plan[] } {
  const { source, leaseEpoch, attempt, step, reach, through = Infinity } = input
  const end = source.runSteps === 0 ? Infinity : source.runSteps
  const target = Math.min(step + reach, end, through)
  const plans: Plan[] = []
  let { planSeq, sentThrough } = planning
  while (sentThrough < target) {
    const cut = (source.cut?.(sentThrough) ?? Infinity) - sentThrough
    const count = Math.min(
      PLAN_ROWS - (sentThrough % PLAN_ROWS),
      end - sentThrough,
      through - sentThrough,
      cut,
    )
    planSeq += 1
    plans.push({
      type: 'plan',
      leaseEpoch,
      planSeq,
      attempt,
      firstStep: sentThrough,
      count,
      columns: source.rows(sentThrough, count),
      events: source.events(sentThrough, count),
      runSteps: source.runSteps,
    })
    sentThrough += count
  }
  return { planning: { planSeq, sentThrough }, plans }
}

/** Steps per second, measured between reports at least {@link PACE_WINDOW_MS} apart. */
export interface Pace {
  readonly anchorMs: number
  readonly anchorStep: number
  /** Undefined until measured. */
  readonly stepsPerSecond: number | undefined
}

export function startPace(nowMs: number, step: number): Pace {
  return { anchorMs: nowMs, anchorStep: step, stepsPerSecond: undefined }
}

export function measurePace(pace: Pace, nowMs: number, step: number): Pace {
  const elapsedMs = nowMs - pace.anchorMs
  if (elapsedMs < PACE_WINDOW_MS) return pace
  const stepsPerSecond = ((step - pace.anchorStep) / elapsedMs) * 1000
  // A pause is not a slow pace: keep the last measured one.
  return { anchorMs: nowMs, anchorStep: step, stepsPerSecond: stepsPerSecond || pace.stepsPerSecond }
}

/** Rows to keep ahead of the worker: ten minutes' worth, within the bounds of the contract. */
export function reachOf(pace: Pace): number {
  if (pace.stepsPerSecond === undefined) return UNMEASURED_REACH
  return Math.min(MAX_REACH, Math.max(MIN_REACH, Math.ceil(pace.stepsPerSecond * AHEAD_SECONDS)))
}

/** Rows of a full plan. */
export const PLAN_ROWS = 4096
const MIN_REACH = 4096
const MAX_REACH = 262_144
const AHEAD_SECONDS = 600
/** Before the pace is known: enough for 3 s at 20,000 steps a second. */
const UNMEASURED_REACH = 65_536
const PACE_WINDOW_MS = 2000
