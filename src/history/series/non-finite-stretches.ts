/**
 * Numbers of a run that are NaN or infinite: the stretches of steps, and the number of values. A stretch gives one event at its
 * beginning and one at its end, however long it is.
 */
import type { StepBatch } from '../../record/record.js'
import { isMissing } from './missing-numbers.js'
import { lossName } from './step-numbers.js'

/** Entries by name, such as `train.loss` or `val.accuracy`; only for numbers that were not finite at some point. */
export type NonFinite = ReadonlyMap<string, NonFiniteNumber>

export interface NonFiniteNumber {
  /** Whether the number belongs to steps; else it belongs to evaluations, which follow a step. */
  readonly ofSteps: boolean
  /** Number of values that were not finite. */
  readonly values: number
  /** Number of stretches so far. */
  readonly times: number
  /** The first and the last stretches, at most `STRETCHES_KEPT`, sorted by step. */
  readonly stretches: readonly Stretch[]
}

/** Consecutive values that are not finite. */
export interface Stretch {
  /** Counted from 1. */
  readonly ordinal: number
  /** The first value: NaN or ±Infinity. */
  readonly value: number
  /** Steps of the first and of the last value. */
  readonly from: number
  readonly through: number
  /** Step of the first finite value behind it; undefined while there is none. */
  readonly until: number | undefined
  readonly values: number
}

export const ALL_FINITE: NonFinite = new Map()

/** @param limit - the first step of the batch's attempt that is hidden. */
export function withSteps(known: NonFinite, batch: StepBatch, limit: number): NonFinite {
  const { firstStep, count, metrics, weighings } = batch
  const end = Math.min(count, limit - firstStep)
  let next = known
  for (const weighing of weighings)
    next = withColumn(next, lossName(batch, weighing), weighing.meanLoss, { firstStep, end })
  for (const [name, column] of Object.entries(metrics))
    next = withColumn(next, `train.${name}`, column, { firstStep, end, isMissing })
  return next
}

/** @param metrics - by name, of the evaluation after `step`. */
export function withMetrics(
  known: NonFinite,
  metrics: Readonly<Record<string, number>>,
  step: number,
): NonFinite {
  let next = known
  for (const [name, value] of Object.entries(metrics)) {
    const before = next.get(name)
    const after = withValue(before, value, step, false)
    if (after !== before) next = new Map(next).set(name, after!)
  }
  return next
}

/** Removes the values of the steps from `toStep` on. */
export function returnedTo(known: NonFinite, toStep: number): NonFinite {
  const kept = [...known].flatMap(([name, number]) => {
    const stretches = number.stretches.flatMap((one) => (one.from < toStep ? [cutStretch(one, toStep)] : []))
    if (stretches.length === 0) return []
    const forgotten = number.stretches.reduce((sum, { values }) => sum + values, 0)
    const values = number.values - forgotten + stretches.reduce((sum, one) => sum + one.values, 0)
    return [[name, { ...number, values, times: stretches.at(-1)!.ordinal, stretches }] as const]
  })
  return new Map(kept)
}

/** The numbers whose last known value is not finite. */
export function isNonFiniteNow({ stretches }: NonFiniteNumber): boolean {
  return stretches.at(-1)?.until === undefined
}

interface Column {
  readonly firstStep: number
  /** The values to add. */
  readonly end: number
  /** @default every step has the number */
  readonly isMissing?: (column: Float64Array, i: number) => boolean
}

function withColumn(
  known: NonFinite,
  name: string,
  column: Float64Array,
  { firstStep, end, isMissing = () => false }: Column,
): NonFinite {
  const before = known.get(name)
  let number = before
  for (let i = 0; i < end; i += 1) {
    const value = column[i]!
    // The common case: the value is finite and follows finite values.
    if (number === undefined && Number.isFinite(value)) continue
    if (!isMissing(column, i)) number = withValue(number, value, firstStep + i, true)
  }
  return number === before ? known : new Map(known).set(name, number!)
}

/** Undefined while every value was finite. */
function withValue(
  number: NonFiniteNumber | undefined,
  value: number,
  step: number,
  ofSteps: boolean,
): NonFiniteNumber | undefined {
  const last = number?.stretches.at(-1)
  if (Number.isFinite(value)) {
    if (number === undefined || last?.until !== undefined || step <= last!.through) return number
    return { ...number, stretches: [...number.stretches.slice(0, -1), { ...last!, until: step }] }
  }
  const { values = 0, times = 0, stretches = [] } = number ?? {}
  // A late record has a step inside or before a known stretch.
  if (last !== undefined && (last.until === undefined || step <= last.through)) {
    const longer = { from: Math.min(last.from, step), through: Math.max(last.through, step) }
    const grown = { ...last, ...longer, values: last.values + 1 }
    return { ofSteps, values: values + 1, times, stretches: [...stretches.slice(0, -1), grown] }
  }
  const begun = { ordinal: times + 1, value, from: step, through: step, until: undefined, values: 1 }
  const kept = stretches.length < STRETCHES_KEPT ? stretches : stretches.toSpliced(STRETCHES_KEPT / 2, 1)
  return { ofSteps, values: values + 1, times: times + 1, stretches: [...kept, begun] }
}

function cutStretch(stretch: Stretch, toStep: number): Stretch {
  const { from, through, until, values } = stretch
  if (until !== undefined && until < toStep) return stretch
  if (through < toStep) return { ...stretch, until: undefined }
  return { ...stretch, through: toStep - 1, until: undefined, values: Math.min(values, toStep - from) }
}

const STRETCHES_KEPT = 32
