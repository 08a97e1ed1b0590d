/** Edits as a script makes them: `run.set({ lambda: -2, lr: times(0.1) })`. */
import { AbsgdError } from '../../errors.js'
import type { ControlEdit, EditTo, EditWhen } from '../../record/control-edit.js'
import { writeSchedule } from '../../schedule/expression.js'
import { isSource, sourceOf, type ControlValue } from '../../schedule/schedule.js'
import { shown } from '../schema-errors.js'

/** What a control would have been, multiplied. */
export interface Times {
  readonly times: number
}

/** By control: what it follows from then on, from that schedule's own start, or a factor. */
export type Changes = Readonly<Record<string, ControlValue | Times>>

export interface SetOptions {
  /** First step that it holds for. @default as soon as possible */
  readonly at?: number
  /** The same, counted from where the run stands. */
  readonly after?: number
  /** For the ledger. */
  readonly why?: string
  /** Write a checkpoint first, so that `undo` loses nothing: at most one a minute. @default false */
  readonly checkpoint?: boolean
}

/** Multiplies all that a control would have been by `factor`, finite and above 0. */
export function times(factor: number): Times {
  if (Number.isFinite(factor) && factor > 0) return { times: factor }
  throw new AbsgdError('usage', `times(${String(factor)}) is no change`, {
    hint: 'a factor is a finite number above 0',
  })
}

/** @throws AbsgdError 'usage' for what is no schedule, or for two points in time */
export function editsOf(changes: Changes, options: SetOptions): readonly ControlEdit[] {
  const when = whenOf(options)
  const edits = Object.entries(changes).map(([control, change]) => ({
    control,
    to: toOf(control, change),
    when,
  }))
  if (edits.length > 0) return edits
  throw new AbsgdError('usage', 'set({}) changes nothing', { hint: 'name a control: set({ lambda: -2 })' })
}

function toOf(control: string, change: ControlValue | Times): EditTo {
  if (typeof change === 'object' && 'times' in change) return { kind: 'factor', factor: change.times }
  if (typeof change === 'number' || isSource(change))
    return { kind: 'schedule', text: writeSchedule(sourceOf(change)) }
  throw new AbsgdError('usage', `set: ${control} is ${shown(change)}`, {
    hint: 'it takes a number, a schedule such as linear(…), or times(factor)',
  })
}

function whenOf({ at, after }: SetOptions): EditWhen {
  for (const [name, value] of Object.entries({ at, after })) {
    if (value === undefined || (Number.isSafeInteger(value) && value >= 0)) continue
    throw new AbsgdError('usage', `set: ${name} is ${String(value)}`, {
      hint: 'steps are whole numbers from 0',
    })
  }
  if (at !== undefined && after !== undefined) {
    throw new AbsgdError('usage', 'set: both at and after are given', { hint: 'give one of them' })
  }
  if (at !== undefined) return { kind: 'at', step: at }
  return after === undefined ? { kind: 'soon' } : { kind: 'after', steps: after }
}
