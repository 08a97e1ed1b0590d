/** Undo and restore: which checkpoint the run returns to, and the state after the return. Pure. */
import type { Action, CheckpointWritten } from '../../record/record.js'
import { beyondLastEdit, editsFrom, takenBackInWords, undoTarget } from '../../history/undo-target.js'
import { settle, standing } from './replies.js'
import { extendPlans } from './plan-ahead.js'
import { returnTo } from '../state/feedback-rules.js'
import { withRewind } from './telemetry.js'
import { startPace } from '../state/plans.js'
import { withEdits } from './rows.js'
import type { ControllerContext, ControllerState, Effect, Lease, Transition } from '../state/state.js'

type Restore = Extract<Action, { type: 'restore' }>

export interface Refusal {
  readonly type: 'refuse'
  readonly why: string
}

/**
 * @param all - Take back more than the last edit, where the checkpoint lies before earlier ones
 * @param by - Who asks, as in `Request`
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
      return { type: 'refuse', why: beyondLastEdit(target, standing(state).step, by) }
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

/** What the answer to an undo adds: which edits it took back, and how many steps. */
export function takenBack(state: ControllerState, action: Action): string {
  if (action.type !== 'restore') return ''
  const { step } = action
  return `; ${takenBackInWords(editsFrom(state.edits, step), standing(state).step - step)}`
}

interface Restored {
  /** What was asked for: "restore" or "undo". */
  readonly cause: string
  readonly effects: readonly Effect[]
  readonly nowMs: number
  readonly context: ControllerContext
}

/** The state after the worker has returned to a checkpoint: edits behind it are gone, and plans begin anew. */
export function restored(
  state: ControllerState,
  lease: Lease,
  { attempt, step }: Restore,
  { cause, effects, nowMs, context }: Restored,
): Transition {
  const position = { attempt, step }
  const rewound: ControllerState = {
    ...withRewind(state, { attempt, toStep: step, cause }),
    feedback: returnTo(state.feedback, state.rules, step),
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

/** Edits that a return took back before the worker had their rows: nobody would answer them any more. */
function refuseTakenBack(rewound: ControllerState): Transition {
  const holds = (id: string) => rewound.edits.some(({ edited }) => edited.request === id)
  const lost = rewound.awaiting.filter(({ id }) => !holds(id))
  const awaiting = rewound.awaiting.filter(({ id }) => holds(id))
  return lost.reduce<Transition>(
    (before, { id }) => {
      const pending = before.state.pending[id]
      if (pending === undefined) return before
      const { state, effects } = settle(before.state, pending, false, 'taken back before it took effect')
      return { state, effects: [...before.effects, ...effects] }
    },
    { state: { ...rewound, awaiting }, effects: [] },
  )
}
