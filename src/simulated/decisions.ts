/** Decides a worker's next action between two steps, and its answers to commands. Pure. */
import type { Action, Bye, Phase } from '../record/record.js'
import type { Command } from '../wire/message.js'
import { isOver, plannedStep, type PlannedStep } from './plan-table.js'
import type { Effect } from './session.js'
import type { Answer, WorkerState } from './state.js'

export type NextAction =
  | { readonly type: 'train'; readonly planned: PlannedStep }
  /** Wait until a message comes, or a moment has passed. */
  | { readonly type: 'wait' }
  | { readonly type: 'run-command'; readonly command: Command }
  /** Load the checkpoint that the first Welcome named. */
  | { readonly type: 'restore' }
  /** Every step is trained: evaluate, checkpoint and leave. */
  | { readonly type: 'complete' }
  /** SIGTERM: checkpoint and stop. */
  | { readonly type: 'terminate' }
  /** No message of a controller came for too long: checkpoint and leave. */
  | { readonly type: 'give-up'; readonly message: string }
  /** `message` is for people, and empty if all is well. */
  | { readonly type: 'exit'; readonly code: number; readonly message: string }

export interface Decision {
  readonly state: WorkerState
  readonly next: NextAction
}

export function decide(before: WorkerState, nowMs: number): Decision {
  if (before.fault !== undefined) return exit(before, 1, before.fault)
  if (before.welcome === undefined) return beforeWelcome(before, nowMs)
  if (before.leaving !== undefined) return whileLeaving(before, before.leaving, nowMs)
  if (before.mustRestore) return { state: { ...before, mustRestore: false }, next: { type: 'restore' } }
  if (before.terminated) return { state: before, next: { type: 'terminate' } }
  if (before.inbox.length > 0) return runCommand(before)
  const state = before.stepsLeft === 0 ? { ...before, stepsLeft: undefined, paused: true } : before
  if (state.paused) return wait(endWait(state, nowMs), 'paused', nowMs)
  const { step } = state.position
  if (isOver(state.plan, step)) return { state: endWait(state, nowMs), next: { type: 'complete' } }
  const planned = plannedStep(state.plan, step)
  if (planned === undefined) return waitForRow(state, nowMs)
  const training = { ...endWait(state, nowMs), phase: 'training', hadRow: true } as const
  return { state: { ...training, idleSinceMs: undefined }, next: { type: 'train', planned } }
}

function beforeWelcome(state: WorkerState, nowMs: number): Decision {
  if (state.terminated) return exit(state, 0, 'ended by SIGTERM before training began')
  if (nowMs - (state.idleSinceMs ?? nowMs) > WELCOME_LIMIT_MS) {
    return exit(state, ORPHANED, `no controller answered for ${WELCOME_LIMIT_MS / 1000} s`)
  }
  return { state: { ...state, idleSinceMs: state.idleSinceMs ?? nowMs }, next: { type: 'wait' } }
}

function whileLeaving(
  state: WorkerState,
  { bye, sinceMs }: { readonly bye: Bye; readonly sinceMs: number },
  nowMs: number,
): Decision {
  if (state.inbox.length > 0) return runCommand(state)
  const limitMs = bye.reason === 'orphaned' ? 0 : RELEASE_LIMIT_MS
  if (state.released || state.terminated || nowMs - sinceMs >= limitMs) {
    return exit(state, EXIT_CODES[bye.reason], bye.message)
  }
  return { state: { ...state, phase: 'ending' }, next: { type: 'wait' } }
}

function runCommand(state: WorkerState): Decision {
  const [command, ...inbox] = state.inbox
  return { state: { ...state, inbox }, next: { type: 'run-command', command: command! } }
}

function waitForRow(state: WorkerState, nowMs: number): Decision {
  if (!state.hadRow) return wait(state, state.phase, nowMs)
  const begins = state.waitingSinceMs === undefined
  const waiting = begins ? { ...state, waits: state.waits + 1, waitingSinceMs: nowMs } : state
  return wait(waiting, 'waiting', nowMs)
}

function wait(before: WorkerState, phase: Phase, nowMs: number): Decision {
  const idleSinceMs = before.idleSinceMs ?? nowMs
  const state = { ...before, phase, idleSinceMs }
  const limit = state.welcome?.orphanLimitSeconds ?? Infinity
  if (nowMs - Math.max(state.lastMessageMs, idleSinceMs) > limit * 1000) {
    return { state, next: { type: 'give-up', message: `no controller was heard for ${limit} s` } }
  }
  return { state, next: { type: 'wait' } }
}

function endWait(state: WorkerState, nowMs: number): WorkerState {
  if (state.waitingSinceMs === undefined) return state
  const waitedMs = state.waitedMs + nowMs - state.waitingSinceMs
  return { ...state, waitedMs, waitingSinceMs: undefined }
}

function exit(state: WorkerState, code: number, message: string): Decision {
  return { state, next: { type: 'exit', code, message } }
}

export type CommandDecision =
  /** The new state is all that the command asks for. */
  | { readonly type: 'answer'; readonly state: WorkerState; readonly ok: boolean; readonly message: string }
  /** The command needs the model or its files. */
  | {
      readonly type: 'act'
      readonly action: Extract<Action, { type: 'checkpoint' | 'restore' | 'evaluate' | 'stop' }>
    }

/** Decides what a command asks for at the current step boundary. */
export function decideCommand(state: WorkerState, { action }: Command): CommandDecision {
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
      if (state.position.step > 0) return { type: 'act', action }
      return refused(state, 'no step is trained yet: ask again after the first')
    case 'checkpoint':
    case 'restore':
    case 'stop':
      return { type: 'act', action }
    case 'set':
    case 'undo':
      return refused(state, 'a worker does not understand what is to be done')
    default:
      return action satisfies never
  }
}

/** Keeps the answer, and sends it if the worker holds a lease. Without a lease the controller repeats the command later. */
export function withAnswer(
  state: WorkerState,
  id: string,
  { ok, message, follows }: Omit<Answer, 'step'>,
): { readonly state: WorkerState; readonly effects: readonly Effect[] } {
  const answer: Answer = { ok, step: state.position.step, message, follows }
  const { lease } = state
  return {
    state: { ...state, answers: { ...state.answers, [id]: answer } },
    effects:
      lease === undefined
        ? []
        : [{ type: 'send', message: { type: 'command-result', leaseEpoch: lease, id, ...answer } }],
  }
}

function done(state: WorkerState, message: string): CommandDecision {
  return { type: 'answer', state: { ...state, idleSinceMs: undefined }, ok: true, message }
}

function refused(state: WorkerState, why: string): CommandDecision {
  return { type: 'answer', state, ok: false, message: `refused: ${why}` }
}

const ORPHANED = 75
const EXIT_CODES = { completed: 0, stopped: 0, failed: 1, orphaned: ORPHANED, lost: 1 } as const
/** A controller fails the run if no worker joins within this time. */
const WELCOME_LIMIT_MS = 600_000
const RELEASE_LIMIT_MS = 10_000
