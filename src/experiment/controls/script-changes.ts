/** Edits that a script makes: `run.set({ lambda: -2, lr: times(0.1) })`. */
import { AbsgdError } from '../../errors.js'
import type { ControlEdit, EditTo, EditWhen } from '../../record/control-edit.js'
import { writeSchedule } from '../../schedule/expression.js'
import { isSource, sourceOf, type ControlValue } from '../../schedule/schedule.js'
import { shown } from '../schema-errors.js'

/** A factor that multiplies all later values of a control. */
export interface Times {
  readonly times: number
}

/** For each control, a number, a new schedule that starts at the edit, or a factor. */
export type Changes = Readonly<Record<string, ControlValue | Times>>

export interface SetOptions {
  /** First step that the edit applies to, a whole number from 0. @default as soon as possible */
  readonly at?: number
  /** The same, as the number of steps after the current step. */
  readonly after?: number
  /** The reason, shown in the ledger. */
  readonly why?: string
  /** Write a checkpoint first, so that `undo` loses no steps; at most one per minute. @default false */
  readonly checkpoint?: boolean
}

/**
 * Multiplies all later values of a control: `run.set({ lr: times(0.1) })`.
 *
 * @param factor - Finite, above 0
 * @throws AbsgdError 'usage' for any other factor
 */
export function times(factor: number): Times {
  if (Number.isFinite(factor) && factor > 0) return { times: factor }
  throw new AbsgdError('usage', `times(${String(factor)}) is no change`, {
    hint: 'a factor is a finite number above 0',
  })
}

/** @throws AbsgdError 'usage' for a value that is no schedule, and if both `at` and `after` are given */
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
