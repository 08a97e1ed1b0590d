/** Undo and restore: the checkpoint that the run returns to, and the state after the return. Pure. */
import type { Action, CheckpointWritten } from '../../record/record.js'
import { beyondLastEdit, editsFrom, takenBackInWords, undoTarget } from '../../history/undo-target.js'
import { currentPosition, settleRequest } from './replies.js'
import { extendPlans } from './plan-ahead.js'
import { rewindFeedback } from '../state/feedback-decisions.js'
import { withRewind } from '../state/visible-history.js'
import { startPace } from '../state/plans.js'
import { withEdits } from './rows.js'
import type { ControllerContext, ControllerState, Effect, Lease, Transition } from '../state/state.js'

type Restore = Extract<Action, { type: 'restore' }>

export interface Refusal {
  readonly type: 'refuse'
  readonly why: string
}

/**
 * @param all - Take back earlier edits too, if the checkpoint lies before them
 * @param by - The sender, as in `Request`
 */
export function undoAction(state: ControllerState, all: boolean, by: string): Restore | Refusal {
  const target = undoTarget(state.edits, state.checkpoints)
  switch (target.type) {
    case 'no-edit':
      return { type: 'refuse', why: 'there is no edit to undo' }
    case 'no-checkpoint':
      return {
        type: 'refuse',
        why: `no checkpoint before the edit at step ${target.edit}: ${stepsOf(state)}`,
      }
    case 'checkpoint': {
      const { checkpoint, requests } = target
      if (requests === 1 || all) return restoreOf(state, checkpoint)
      return { type: 'refuse', why: beyondLastEdit(target, currentPosition(state).step, by) }
    }
    default:
      return target satisfies never
  }
}

export function restoreAction(state: ControllerState, step: number): Restore | Refusal {
  const checkpoint = state.checkpoints.findLast(({ position }) => position.step === step)
  if (checkpoint !== undefined) return restoreOf(state, checkpoint)
  return { type: 'refuse', why: `no checkpoint at step ${step}: ${stepsOf(state)}` }
}

function stepsOf({ checkpoints }: ControllerState): string {
  const steps = checkpoints.map(({ position }) => position.step)
  return steps.length === 0 ? 'there is none yet' : `there are checkpoints at steps ${steps.join(', ')}`
}

function restoreOf(state: ControllerState, { path, sha256, position }: CheckpointWritten): Restore {
  return { type: 'restore', step: position.step, path, sha256, attempt: state.attempt + 1 }
}

/** The part of an undo's reply that names the edits it took back, and the number of steps. */
export function undoneSummary(state: ControllerState, action: Action): string {
  if (action.type !== 'restore') return ''
  const { step } = action
  return `; ${takenBackInWords(editsFrom(state.edits, step), currentPosition(state).step - step)}`
}

interface RestoreContext {
  /** The type of the request: "restore" or "undo". */
  readonly cause: string
  readonly effects: readonly Effect[]
  readonly nowMs: number
  readonly context: ControllerContext
}

/** The state after the worker has returned to a checkpoint: edits after it are gone, and planning starts again there. */
export function afterRestore(
  state: ControllerState,
  lease: Lease,
  { attempt, step }: Restore,
  { cause, effects, nowMs, context }: RestoreContext,
): Transition {
  const position = { attempt, step }
  const rewound: ControllerState = {
    ...withRewind(state, { attempt, toStep: step, cause }),
    feedback: rewindFeedback(state.feedback, state.rules, step),
    lease: {
      ...lease,
      position,
      planning: { planSeq: state.planSeq, sentThrough: step },
      pace: startPace(nowMs, step),
    },
  }
  const { state: kept, effects: refusals } = refuseTakenBack(rewound)
  const { state: planned, effects: plans } = extendPlans(
    withEdits(kept, kept.edits, lease.hello, context),
    nowMs,
  )
  const rewind: Effect = { type: 'append', body: { type: 'rewind', attempt, toStep: step, cause } }
  return { state: planned, effects: [rewind, ...effects, ...refusals, ...plans] }
}

/** Refuses edits that the return took back before the worker had their rows: no PlanAck would settle them any more. */
function refuseTakenBack(rewound: ControllerState): Transition {
  const remains = (id: string) => rewound.edits.some(({ edited }) => edited.request === id)
  const lost = rewound.editsInFlight.filter(({ id }) => !remains(id))
  const editsInFlight = rewound.editsInFlight.filter(({ id }) => remains(id))
  return lost.reduce<Transition>(
    (before, { id }) => {
      const pending = before.state.pending[id]
      if (pending === undefined) return before
      const { state, effects } = settleRequest(
        before.state,
        pending,
        false,
        'taken back before it took effect',
      )
      return { state, effects: [...before.effects, ...effects] }
    },
    { state: { ...rewound, editsInFlight }, effects: [] },
  )
}
