/** What a simulated worker knows. Pure data; times are monotonic milliseconds. */
import type { Bye, Phase, Position, Progress } from '../record/record.js'
import type { Command, CommandResult, Welcome } from '../wire/message.js'
import { EMPTY_TABLE, type PlanTable } from './plan-table.js'

export interface WorkerState {
  /** The epoch under which the worker speaks; undefined while it holds no lease. */
  readonly lease: number | undefined
  /** The last one; undefined before the first. */
  readonly welcome: Welcome | undefined
  /** The first Welcome named a checkpoint that is not restored yet. */
  readonly mustRestore: boolean
  readonly position: Position
  readonly phase: Phase
  readonly plan: PlanTable
  readonly inbox: readonly Command[]
  /** The first answer to every command, by id; undefined while it is under way. */
  readonly answers: Readonly<Record<string, Answer | undefined>>
  readonly paused: boolean
  /** Steps to train before standing still again; undefined when nobody said so. */
  readonly stepsLeft: number | undefined
  /** Before the first row of a process, and of a return to a checkpoint, waiting is a start, not a gap in the plan. */
  readonly hadRow: boolean
  readonly waits: number
  /** In waits that are over. */
  readonly waitedMs: number
  /** Since when a wait that counts lasts. */
  readonly waitingSinceMs: number | undefined
  /** Since when training stands still, for whatever reason. */
  readonly standingSinceMs: number | undefined
  /** When the controller was last heard, or the worker began. */
  readonly heardMs: number
  /** SIGTERM came. */
  readonly terminated: boolean
  /** Why the worker ends without a last word. */
  readonly fault: string | undefined
  /** Its last word, and when it was said. */
  readonly leaving: { readonly bye: Bye; readonly sinceMs: number } | undefined
  /** The controller has all that it needs. */
  readonly released: boolean
}

/** Where the parts of one worker find its state, and put the next. */
export interface Self {
  state: WorkerState
}

export type Answer = Pick<CommandResult, 'ok' | 'step' | 'message'>

export function initialWorker(nowMs: number): WorkerState {
  return {
    lease: undefined,
    welcome: undefined,
    mustRestore: false,
    position: { attempt: 0, step: 0 },
    phase: 'starting',
    plan: EMPTY_TABLE,
    inbox: [],
    answers: {},
    paused: false,
    stepsLeft: undefined,
    hadRow: false,
    waits: 0,
    waitedMs: 0,
    waitingSinceMs: undefined,
    standingSinceMs: undefined,
    heardMs: nowMs,
    terminated: false,
    fault: undefined,
    leaving: undefined,
    released: false,
  }
}

/** A step was trained. */
export function trained(state: WorkerState): WorkerState {
  const { attempt, step } = state.position
  return {
    ...state,
    position: { attempt, step: step + 1 },
    plan: { ...state.plan, begun: step + 1 },
    stepsLeft: state.stepsLeft === undefined ? undefined : state.stepsLeft - 1,
  }
}

/** A sign of life. */
export function toldState({ position, phase, waits, waitedMs }: WorkerState, leaseEpoch: number): Progress {
  return { type: 'progress', leaseEpoch, position, phase, waits, waitedSeconds: waitedMs / 1000 }
}
