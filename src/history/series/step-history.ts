/** All numbers of all steps of a run's visible history, by name. A replay is compared with it. */
import type { LogRecord, StepBatch } from '../../record/record.js'
import { isVisible, type RewindPoint } from '../visible-steps.js'

/** Grows as records are added. Created by {@link createStepHistory}. */
export interface StepHistory {
  /** The history has the steps [begin, to). A fork begins at its checkpoint. */
  readonly begin: number
  readonly to: number
  readonly rewinds: readonly RewindPoint[]
  /** Columns by name, "controls.lambda", "loss.meanLoss", "metrics.acc", with one value for each step; NaN if a step has none. */
  readonly columns: ReadonlyMap<string, Float64Array>
  /** One value for each step. */
  readonly attempts: Uint32Array
  /** Names of the planned controls. */
  readonly planned: ReadonlySet<string>
  /** Steps after which the model was evaluated. */
  readonly evaluated: ReadonlySet<number>
  add(record: LogRecord): void
  /** The values of the controls that were planned, over the steps [first, first + count). */
  rows(first: number, count: number): Readonly<Record<string, Float64Array>>
}

export function createStepHistory(): StepHistory {
  const columns = new Map<string, Float64Array>()
  const planned = new Set<string>()
  const evaluations: { readonly attempt: number; readonly step: number }[] = []
  let attempts = new Uint32Array(FIRST_SIZE)
  let rewinds: readonly RewindPoint[] = []
  let to = 0
  let begin = 0

  function reserve(steps: number): void {
    if (steps <= attempts.length) return
    const size = Math.max(steps, 2 * attempts.length)
    const grown = new Uint32Array(size)
    grown.set(attempts)
    attempts = grown
    for (const [name, values] of columns) columns.set(name, padded(values, size))
  }

  function columnOf(name: string): Float64Array {
    const known = columns.get(name)
    if (known !== undefined) return known
    const made = padded(new Float64Array(), attempts.length)
    columns.set(name, made)
    return made
  }

  function addSteps(batch: StepBatch): void {
    const { attempt, firstStep, count } = batch
    reserve(firstStep + count)
    for (let i = 0; i < count; i++) {
      const step = firstStep + i
      if (!isVisible(rewinds, attempt, step) || (step < to && attempt < (attempts[step] ?? 0))) continue
      attempts[step] = attempt
      for (const [name, values] of numbersOf(batch)) columnOf(name)[step] = values[i] ?? NaN
      to = Math.max(to, step + 1)
    }
  }

  return {
    get begin() {
      return begin
    },
    get to() {
      return to
    },
    get rewinds() {
      return rewinds
    },
    columns,
    get attempts() {
      return attempts
    },
    planned,
    get evaluated() {
      return new Set(
        evaluations.flatMap(({ attempt, step }) => (isVisible(rewinds, attempt, step) ? [step] : [])),
      )
    },
    add({ body }) {
      switch (body.type) {
        case 'step-batch': {
          addSteps(body)
          return
        }
        case 'plan':
          for (const name of Object.keys(body.columns)) planned.add(name)
          return
        case 'evaluation':
          evaluations.push(body)
          return
        case 'rewind':
          rewinds = [...rewinds, body]
          if (body.cause === 'fork') begin = to = body.toStep
          for (const values of columns.values()) values.fill(NaN, body.toStep)
          to = Math.min(to, body.toStep)
          return
        default:
      }
    },
    rows(first, count) {
      const names = [...planned].filter((name) => columns.has(`controls.${name}`))
      return Object.fromEntries(
        names.map((name) => [name, columns.get(`controls.${name}`)!.slice(first, first + count)]),
      )
    },
  }
}

export interface StepDifference {
  readonly step: number
  readonly name: string
  readonly was: number
  readonly is: number
}

/** The first step at which two histories differ in any bit; undefined if all steps that both have are the same. */
export function firstDifference(was: StepHistory, is: StepHistory): StepDifference | undefined {
  const names = [...new Set([...was.columns.keys(), ...is.columns.keys()])]
  for (let step = 0; step < Math.min(was.to, is.to); step++) {
    for (const name of names) {
      const [old, now] = [was.columns.get(name)?.[step] ?? NaN, is.columns.get(name)?.[step] ?? NaN]
      if (!Object.is(old, now)) return { step, name, was: old, is: now }
    }
  }
  return undefined
}

function* numbersOf(batch: StepBatch): Generator<readonly [string, ArrayLike<number>]> {
  for (const [name, values] of Object.entries(batch.controls)) yield [`controls.${name}`, values]
  for (const [name, values] of Object.entries(batch.metrics)) yield [`metrics.${name}`, values]
  for (const weighing of batch.weighings)
    for (const name of STATISTICS) yield [`${weighing.name}.${name}`, weighing[name]]
}

function padded(values: Float64Array, size: number): Float64Array {
  const grown = new Float64Array(size).fill(NaN)
  grown.set(values)
  return grown
}

const FIRST_SIZE = 4096
const STATISTICS = [
  'n',
  'm',
  'sumW',
  'sumW2',
  'sumWL',
  'maxW',
  'meanLoss',
  'freeEnergy',
  'capped',
  'nonFinite',
] as const
