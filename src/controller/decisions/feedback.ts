/** Feedback in a run: telemetry enters the feedback window, from which decisions and the guard's edits follow. Pure. */
import type { Body } from '../../record/record.js'
import type { BackOff } from '../../schedule/feedback/guard.js'
import { smallLambda } from '../../schedule/feedback/small-lambda.js'
import { currentPosition } from './replies.js'
import { applyEdits, marginOf, propose, type SetRequest } from './edits.js'
import { advanceFeedback, reachOfRules, rulesOf, type DecidedEdit } from '../state/feedback-decisions.js'
import { addRecord, type WindowOptions } from '../state/feedback-window.js'
import type { ControllerContext, ControllerState, Effect, Transition } from '../state/state.js'

/** Adds one telemetry record to the feedback window. */
export function addTelemetry(
  state: ControllerState,
  body: Body | undefined,
  context: Pick<ControllerContext, 'guard' | 'sampleEvery'>,
): ControllerState {
  const { rules, attempt } = state
  if (rules.length === 0 && context.guard === undefined) return state
  const window = addRecord(state.feedback.window, body, attempt, windowOptions(state, context))
  return window === state.feedback.window ? state : { ...state, feedback: { ...state.feedback, window } }
}

/**
 * Makes every decision that the reports so far permit. Returns the records to append, the edits of rules, and the back-offs of the
 * guard.
 */
export function decideFeedback(
  state: ControllerState,
  context: ControllerContext,
): {
  readonly state: ControllerState
  readonly effects: readonly Effect[]
  readonly backOffs: readonly BackOff[]
  readonly edits: readonly DecidedEdit[]
} {
  const { rules, layers, attempt } = state
  if (rules.length === 0 && context.guard === undefined)
    return { state, effects: [], backOffs: [], edits: [] }
  const { feedback, decided, backOffs, edits } = advanceFeedback(state.feedback, {
    rules,
    layers,
    options: windowOptions(state, context),
    attempt,
    runSteps: state.source?.runSteps ?? 0,
    requireInRange: (control, values) => {
      context.requireInRange(control, values)
    },
  })
  return {
    state: { ...state, feedback },
    effects: decided.map((body): Effect => ({ type: 'append', body })),
    backOffs,
    edits,
  }
}

/**
 * Makes the edits of rules, before any row from their step on is sent. A person who has given the control another schedule meanwhile is
 * not overruled.
 */
export function applyRuleEdits(
  before: ControllerState,
  edits: readonly DecidedEdit[],
  nowMs: number,
  context: ControllerContext,
): Transition {
  return edits.reduce<Transition>(
    ({ state, effects }, { by, control, step, text, why }) => {
      const { lease, source, attempt } = state
      const id = `${by}-${attempt}-${step}`
      const isKnown = state.edits.some(({ edited }) => edited.request === id)
      const isLate = source !== undefined && source.runSteps > 0 && step >= source.runSteps
      if (lease === undefined || isKnown || isLate) return { state, effects }
      const position = currentPosition(state)
      const other = state.edits.findLast(
        ({ edited }) => edited.control === control && edited.to.kind === 'schedule' && edited.by !== by,
      )
      if (other !== undefined) {
        const set = `${control} was set by ${other.edited.by}, and stays so; ${by} would have set ${text}`
        const note: Effect = {
          type: 'append',
          body: { type: 'note', level: 'info', text: `${set}: ${why}`, position },
        }
        return { state, effects: [...effects, note] }
      }
      const request = {
        type: 'request',
        id,
        by,
        why,
        action: {
          type: 'set',
          edits: [{ control, to: { kind: 'schedule', text }, when: { kind: 'at', step } }],
          checkpoint: false,
        },
      } as const satisfies SetRequest
      const requested: Effect = { type: 'append', body: { type: 'requested', request, position } }
      const proposal = propose(state, lease, request, context)
      const applied = applyEdits(state, lease, { request, peer: undefined, proposal, nowMs }, context)
      return { state: applied.state, effects: [...effects, requested, ...applied.effects] }
    },
    { state: before, effects: [] },
  )
}

/**
 * Makes the guard's edits, and notes warnings that come without an edit. Each edit is meant for the step that comes `lag` steps after the reports it rests on. Rows that have begun
 * by then stay as they were; the ledger shows the step at which the edit took effect.
 */
export function applyBackOffs(
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
      const position = currentPosition(state)
      if (factor === 1) {
        const text = `training may collapse under lambda, which stays as it is (after ${step + 1} steps): ${mark}`
        const note: Effect = { type: 'append', body: { type: 'note', level: 'warning', text, position } }
        return { state, effects: [...effects, note] }
      }
      // A worker that waits for a row gets the edit with that row.
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
      } as const satisfies SetRequest
      const requested: Effect = { type: 'append', body: { type: 'requested', request, position } }
      const proposal = propose(state, lease, request, context)
      const applied = applyEdits(state, lease, { request, peer: undefined, proposal, nowMs }, context)
      return { state: applied.state, effects: [...effects, requested, ...applied.effects] }
    },
    { state: before, effects: [] },
  )
}

export function windowOptions(
  { rules }: Pick<ControllerState, 'rules'>,
  { guard, sampleEvery }: Pick<ControllerContext, 'guard' | 'sampleEvery'>,
): WindowOptions {
  const needsLosses = rules.some(({ rule }) => rule.needsLosses)
  return { reach: reachOfRules(rules), needsLosses, sampleEvery, guard }
}

/** Sets the rules of a run, once its length in steps is known. */
export function withRules(
  state: ControllerState,
  { guard }: Pick<ControllerContext, 'guard'>,
): ControllerState {
  const { source, lease } = state
  const rules = rulesOf(source?.segments ?? new Map(), source?.runSteps ?? 0)
  const first = source?.rows(0, 1)['lambda']?.[0] ?? Infinity
  const isDecided = rules.some(({ control }) => control === 'lambda')
  const mayStartCold = Math.abs(first) < smallLambda(lease?.hello.numClasses ?? 0, MOST_CLASSES)
  return { ...state, rules, cold: !isDecided && mayStartCold ? guard?.cold : undefined }
}

/** More classes than most tasks have. Where their number is unknown, it is better to watch a run too closely than not at all. */
const MOST_CLASSES = 10_000
