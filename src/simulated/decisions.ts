/** What a worker does next: looked up at every step boundary. Pure. */
import type { Bye, Phase } from '../record/record.js'
import type { Command } from '../wire/message.js'
import { isOver, plannedStep, type PlannedStep } from './plan-table.js'
import type { WorkerState } from './state.js'

export type Deed =
  | { readonly type: 'train'; readonly planned: PlannedStep }
  /** Until a message comes, or a moment has passed. */
  | { readonly type: 'stand' }
  | { readonly type: 'obey'; readonly command: Command }
  /** Load the checkpoint that the first Welcome named. */
  | { readonly type: 'restore' }
  /** Every step is trained. */
  | { readonly type: 'complete' }
  /** SIGTERM: checkpoint and stop. */
  | { readonly type: 'terminate' }
  /** No controller was heard for too long: checkpoint and leave. */
  | { readonly type: 'give-up'; readonly message: string }
  /** `words` are for people, and empty where all is well. */
  | { readonly type: 'exit'; readonly code: number; readonly words: string }

export interface Decision {
  readonly state: WorkerState
  readonly deed: Deed
}

export function decide(before: WorkerState, nowMs: number): Decision {
  if (before.fault !== undefined) return exit(before, 1, before.fault)
  if (before.welcome === undefined) return beforeWelcome(before, nowMs)
  if (before.leaving !== undefined) return whileLeaving(before, before.leaving, nowMs)
  if (before.mustRestore) return { state: { ...before, mustRestore: false }, deed: { type: 'restore' } }
  if (before.terminated) return { state: before, deed: { type: 'terminate' } }
  if (before.inbox.length > 0) return obey(before)
  const state = before.stepsLeft === 0 ? { ...before, stepsLeft: undefined, paused: true } : before
  if (state.paused) return stand(endWait(state, nowMs), 'paused', nowMs)
  const { step } = state.position
  if (isOver(state.plan, step)) return { state: endWait(state, nowMs), deed: { type: 'complete' } }
  const planned = plannedStep(state.plan, step)
  if (planned === undefined) return waitForRow(state, nowMs)
  const training = { ...endWait(state, nowMs), phase: 'training', hadRow: true } as const
  return { state: { ...training, standingSinceMs: undefined }, deed: { type: 'train', planned } }
}

function beforeWelcome(state: WorkerState, nowMs: number): Decision {
  if (state.terminated) return exit(state, 0, 'ended by SIGTERM before training began')
  if (nowMs - (state.standingSinceMs ?? nowMs) > WELCOME_LIMIT_MS) {
    return exit(state, ORPHANED, `no controller answered for ${WELCOME_LIMIT_MS / 1000} s`)
  }
  return { state: { ...state, standingSinceMs: state.standingSinceMs ?? nowMs }, deed: { type: 'stand' } }
}

function whileLeaving(
  state: WorkerState,
  { bye, sinceMs }: { readonly bye: Bye; readonly sinceMs: number },
  nowMs: number,
): Decision {
  if (state.inbox.length > 0) return obey(state)
  const limitMs = bye.reason === 'orphaned' ? 0 : RELEASE_LIMIT_MS
  if (state.released || state.terminated || nowMs - sinceMs >= limitMs) {
    return exit(state, EXIT_CODES[bye.reason], bye.message)
  }
  return { state: { ...state, phase: 'ending' }, deed: { type: 'stand' } }
}

function obey(state: WorkerState): Decision {
  const [command, ...inbox] = state.inbox
  return { state: { ...state, inbox }, deed: { type: 'obey', command: command! } }
}

function waitForRow(state: WorkerState, nowMs: number): Decision {
  if (!state.hadRow) return stand(state, state.phase, nowMs)
  const begins = state.waitingSinceMs === undefined
  const waiting = begins ? { ...state, waits: state.waits + 1, waitingSinceMs: nowMs } : state
  return stand(waiting, 'waiting', nowMs)
}

function stand(before: WorkerState, phase: Phase, nowMs: number): Decision {
  const standingSinceMs = before.standingSinceMs ?? nowMs
  const state = { ...before, phase, standingSinceMs }
  const limit = state.welcome?.orphanLimitSeconds ?? Infinity
  if (nowMs - Math.max(state.heardMs, standingSinceMs) > limit * 1000) {
    return { state, deed: { type: 'give-up', message: `no controller was heard for ${limit} s` } }
  }
  return { state, deed: { type: 'stand' } }
}

function endWait(state: WorkerState, nowMs: number): WorkerState {
  if (state.waitingSinceMs === undefined) return state
  const waitedMs = state.waitedMs + nowMs - state.waitingSinceMs
  return { ...state, waitedMs, waitingSinceMs: undefined }
}

function exit(state: WorkerState, code: number, words: string): Decision {
  return { state, deed: { type: 'exit', code, words } }
}

const ORPHANED = 75
const EXIT_CODES = { completed: 0, stopped: 0, failed: 1, orphaned: ORPHANED } as const
/** A controller that admits no worker for this long has given it up itself. */
const WELCOME_LIMIT_MS = 600_000
const RELEASE_LIMIT_MS = 10_000
