/** What a command calls for at the boundary where a worker stands. Pure. */
import type { Action } from '../record/record.js'
import type { Command } from '../wire/message.js'
import type { Effect } from './session.js'
import type { Answer, WorkerState } from './state.js'

export type Verdict =
  /** Nothing is left to do but to answer. */
  | { readonly type: 'answer'; readonly state: WorkerState; readonly ok: boolean; readonly message: string }
  /** Something that takes files or a model. */
  | { readonly type: 'do'; readonly action: Extract<Action, { type: Deeds }> }

type Deeds = 'checkpoint' | 'restore' | 'evaluate' | 'stop'

export function judge(state: WorkerState, { action }: Command): Verdict {
  if (state.leaving !== undefined) {
    return { type: 'answer', state, ok: action.type === 'stop', message: 'training is over' }
  }
  switch (action.type) {
    case 'pause':
      return done({ ...state, paused: true, stepsLeft: undefined }, 'paused')
    case 'resume':
      return done({ ...state, paused: false, stepsLeft: undefined }, 'training goes on')
    case 'step-on': {
      if (!state.paused && state.stepsLeft === undefined) {
        return refused(state, 'training is not paused: pause it first')
      }
      const stepsLeft = (state.stepsLeft ?? 0) + action.steps
      const message = `${stepsLeft} ${stepsLeft === 1 ? 'step' : 'steps'} to train`
      return done({ ...state, paused: false, stepsLeft }, message)
    }
    case 'evaluate':
      if (state.position.step > 0) return { type: 'do', action }
      return refused(state, 'no step is trained yet: ask again after the first')
    case 'checkpoint':
    case 'restore':
    case 'stop':
      return { type: 'do', action }
    case 'set':
    case 'undo':
      return refused(state, 'a worker does not understand what is to be done')
    default:
      return action satisfies never
  }
}

/** The answer is kept, and sent where the worker holds a lease: without one the controller will ask again. */
export function answered(
  state: WorkerState,
  id: string,
  { ok, message }: Omit<Answer, 'step'>,
): { readonly state: WorkerState; readonly effects: readonly Effect[] } {
  const answer: Answer = { ok, step: state.position.step, message }
  const { lease } = state
  return {
    state: { ...state, answers: { ...state.answers, [id]: answer } },
    effects:
      lease === undefined
        ? []
        : [{ type: 'send', message: { type: 'command-result', leaseEpoch: lease, id, ...answer } }],
  }
}

function done(state: WorkerState, message: string): Verdict {
  return { type: 'answer', state: { ...state, standingSinceMs: undefined }, ok: true, message }
}

function refused(state: WorkerState, why: string): Verdict {
  return { type: 'answer', state, ok: false, message: `refused: ${why}` }
}
