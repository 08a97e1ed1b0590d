/** A feedback schedule of the user's own. */
import { AbsgdError, toAbsgdError } from '../../errors.js'
import { scheduleOf, type Schedule } from '../schedule.js'
import { requireTiming, type Timing } from './feedback-timing.js'
import type { Decision, ReportedStep } from './feedback-rule.js'

export interface FeedbackOptions<State> extends Timing {
  /** The value until the first decision. */
  readonly init: number
  /** What the first decision is given as state: a JSON value. @default null */
  readonly start?: State
  /** Whether the rule looks at the losses of single samples. @default false */
  readonly losses?: boolean
  /** As people are to know it. @default 'feedback' */
  readonly name?: string
}

/** What a rule says: a value, or with it a state for its next decision and a word for the ledger. */
export type FeedbackResult<State> =
  number | { readonly value: number; readonly state?: State; readonly mark?: string }

/**
 * A schedule decided by `decide`, from the reports of the last `window` steps up to `lag` steps before.
 *
 * `decide` must be pure: no clock, no randomness, nothing remembered but the state that it returns. What it throws, and a
 * value that is no number, is an AbsgdError 'experiment' that names the step; the control then stays as it is to the end.
 */
export function feedback<State = null>(
  decide: (window: readonly ReportedStep[], state: State, step: number) => FeedbackResult<State>,
  options: FeedbackOptions<State>,
): Schedule {
  const { init, start, losses = false, name = 'feedback' } = options
  if (typeof init !== 'number' || Number.isNaN(init)) {
    throw new AbsgdError('experiment', `init of ${name} is ${String(init)}`, {
      hint: 'it takes the value until the first decision',
    })
  }

  function decideChecked(window: readonly ReportedStep[], state: unknown, step: number): Decision {
    let answer: FeedbackResult<State>
    try {
      answer = decide(window.map(ownCopy), structuredClone(state) as State, step)
    } catch (thrown) {
      const { message } = toAbsgdError(thrown, 'experiment')
      throw new AbsgdError('experiment', `${name} failed for step ${step}: ${message}`, { cause: thrown })
    }
    const full = typeof answer === 'number' ? { value: answer } : answer
    if (typeof full?.value === 'number' && !Number.isNaN(full.value)) return { state, ...full }
    throw new AbsgdError('experiment', `${name} gives no number for step ${step}`, {
      hint: 'return a number, or { value, state, mark }',
    })
  }

  return scheduleOf({
    kind: 'feedback',
    rule: {
      name,
      ...requireTiming(name, options),
      needsLosses: losses,
      initial: init,
      start: start ?? null,
      decide: decideChecked,
    },
  })
}

/** Others look at the same losses: a rule may sort those that it is given. */
function ownCopy(report: ReportedStep): ReportedStep {
  return report.losses === undefined ? report : { ...report, losses: report.losses.slice() }
}
