/** Feedback in a run: telemetry becomes something to look back at, that becomes decisions and the guard's edits. Pure. */
import type { Body, Request } from '../../record/record.js'
import type { BackOff } from '../../schedule/feedback/guard.js'
import { smallLambda } from '../../schedule/feedback/small-lambda.js'
import { standing } from './replies.js'
import { makeEdits, marginOf } from './edits.js'
import { advance, reachOfRules, rulesOf } from '../state/feedback-rules.js'
import { takeNote, type Outlook } from '../state/feedback-window.js'
import type { ControllerContext, ControllerState, Effect, Transition } from '../state/state.js'

/** The state that has taken note of one telemetry record. */
export function withNoted(
  state: ControllerState,
  body: Body | undefined,
  context: Pick<ControllerContext, 'guard' | 'sampleEvery'>,
): ControllerState {
  const { rules, attempt } = state
  if (rules.length === 0 && context.guard === undefined) return state
  const back = takeNote(state.feedback.back, body, attempt, outlookOf(state, context))
  return back === state.feedback.back ? state : { ...state, feedback: { ...state.feedback, back } }
}

/** What can be decided by now: the records to append, and the guard's edits to be made. */
export function decide(
  state: ControllerState,
  context: ControllerContext,
): {
  readonly state: ControllerState
  readonly effects: readonly Effect[]
  readonly backOffs: readonly BackOff[]
} {
  const { rules, layers, attempt } = state
  if (rules.length === 0 && context.guard === undefined) return { state, effects: [], backOffs: [] }
  const { feedback, decided, backOffs } = advance(state.feedback, {
    rules,
    layers,
    outlook: outlookOf(state, context),
    attempt,
    requireInRange: (control, values) => {
      context.requireInRange(control, values)
    },
  })
  return {
    state: { ...state, feedback },
    effects: decided.map((body): Effect => ({ type: 'append', body })),
    backOffs,
  }
}

/**
 * The guard's edits, and what it says alone. Edits are ready `lag` steps after what was seen; rows that have begun by then stay as they were, and the
 * ledger tells from which step on it was.
 */
export function backOff(
  before: ControllerState,
  backOffs: readonly BackOff[],
  nowMs: number,
  context: ControllerContext,
): Transition {
  return backOffs.reduce<Transition>(
    ({ state, effects }, { step, from, factor, mark }) => {
      const { lease, source, attempt } = state
      if (lease === undefined || lease.bye !== undefined || state.stage !== 'running')
        return { state, effects }
      const position = standing(state)
      if (factor === 1) {
        const text = `training may collapse under lambda, which stays as it is (after ${step + 1} steps): ${mark}`
        const note: Effect = { type: 'append', body: { type: 'note', level: 'warning', text, position } }
        return { state, effects: [...effects, note] }
      }
      // A worker that stands for want of rows is given its next one.
      const begun = lease.planning.sentThrough <= from ? from : position.step + marginOf(lease)
      const at = Math.max(from, begun)
      if (source !== undefined && source.runSteps > 0 && at >= source.runSteps) return { state, effects }
      const request = {
        type: 'request',
        id: `guard-${attempt}-${step}`,
        by: 'guard',
        why: mark,
        action: {
          type: 'set',
          edits: [
            {
              control: 'lambda',
              to: { kind: 'factor', factor },
              when: { kind: 'at', step: at },
            },
          ],
          checkpoint: false,
        },
      } as const satisfies Request
      const asked: Effect = { type: 'append', body: { type: 'requested', request, position } }
      const made = makeEdits(state, request, undefined, context, { nowMs })
      return { state: made.state, effects: [...effects, asked, ...made.effects] }
    },
    { state: before, effects: [] },
  )
}

export function outlookOf(
  { rules }: Pick<ControllerState, 'rules'>,
  { guard, sampleEvery }: Pick<ControllerContext, 'guard' | 'sampleEvery'>,
): Outlook {
  const needsLosses = rules.some(({ rule }) => rule.needsLosses)
  return { reach: reachOfRules(rules), needsLosses, sampleEvery, guard }
}

/** The rules of a run whose steps are known. */
export function withRules(
  state: ControllerState,
  { guard }: Pick<ControllerContext, 'guard'>,
): ControllerState {
  const { source, lease } = state
  const rules = rulesOf(source?.segments ?? new Map(), source?.runSteps ?? 0)
  const first = source?.rows(0, 1)['lambda']?.[0] ?? Infinity
  const decided = rules.some(({ control }) => control === 'lambda')
  const mayBeCold = Math.abs(first) < smallLambda(lease?.hello.numClasses ?? 0, MOST_CLASSES)
  return { ...state, rules, cold: !decided && mayBeCold ? guard?.cold : undefined }
}

/** Of most classifiers: where classes are not known, a run is rather watched closely for a step than not at all. */
const MOST_CLASSES = 10_000
