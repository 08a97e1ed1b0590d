/** A feedback schedule whose rule is a function of the user. */
import { AbsgdError, toAbsgdError } from '../../errors.js'
import { scheduleOf, type Schedule } from '../schedule.js'
import { requireTiming, type Timing } from './feedback-timing.js'
import type { Decision, ReportedStep } from './feedback-rule.js'

export interface FeedbackOptions<State> extends Timing {
  /** The control's value until the first decision. */
  readonly init: number
  /** The state given to the first decision: a JSON value. @default null */
  readonly start?: State
  /** Whether the rule needs the losses of single samples (`ReportedStep.losses`). @default false */
  readonly losses?: boolean
  /** Name in messages and in the ledger. @default 'feedback' */
  readonly name?: string
}

/** The result of a decision: a value; optionally also the state for the next decision and a message for the ledger. */
export type FeedbackResult<State> =
  number | { readonly value: number; readonly state?: State; readonly mark?: string }

/**
 * A schedule whose values `decide` computes from reported steps: for step t, from the last `window` reports of steps ≤ t − lag.
 *
 * `decide` must be pure: no clock, no randomness, and no memory except the state that it returns. If it throws, or returns a value
 * that is no number, that is an AbsgdError 'experiment' that names the step, and the control keeps its value until the end.
 *
 * @throws AbsgdError 'experiment' when `init` is no number, or `lag`, `window` or `every` is no whole number from 1
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

/** A copy of the losses, because other rules read the same array and a rule may sort its own. */
function ownCopy(report: ReportedStep): ReportedStep {
  return report.losses === undefined ? report : { ...report, losses: report.losses.slice() }
}
