/** The state of a simulated worker. Pure data; times are monotonic milliseconds. */
import type { Bye, Phase, Position, Progress } from '../record/record.js'
import type { Command, CommandResult, Welcome } from '../wire/message.js'
import { EMPTY_TABLE, type PlanTable } from './plan-table.js'

export interface WorkerState {
  /** The epoch of the lease; undefined while the worker holds none. */
  readonly lease: number | undefined
  /** The last one; undefined before the first. */
  readonly welcome: Welcome | undefined
  /** The first Welcome named a checkpoint that is not restored yet. */
  readonly mustRestore: boolean
  readonly position: Position
  readonly phase: Phase
  readonly plan: PlanTable
  readonly inbox: readonly Command[]
  /** By id: the answer to every command, undefined until it is carried out. */
  readonly answers: Readonly<Record<string, Answer | undefined>>
  readonly paused: boolean
  /** Steps to train before the next pause; undefined without a step-on command. */
  readonly stepsLeft: number | undefined
  /** Whether a row has come since the process started or returned to a checkpoint. Waits before it are start-up and do not count. */
  readonly hadRow: boolean
  readonly waits: number
  /** The total time of waits that have ended. */
  readonly waitedMs: number
  /** The start of the current wait, if it counts. */
  readonly waitingSinceMs: number | undefined
  /** Since when no step has been trained, for any reason. */
  readonly idleSinceMs: number | undefined
  /** When the last message of the controller came, or the worker started. */
  readonly lastMessageMs: number
  /** SIGTERM came. */
  readonly terminated: boolean
  /** Why the worker exits without a Bye. */
  readonly fault: string | undefined
  /** The Bye, and when it was sent. */
  readonly leaving: { readonly bye: Bye; readonly sinceMs: number } | undefined
  /** The controller has sent Released. */
  readonly released: boolean
}

/** Holds the state that the parts of one worker share. */
export interface StateHolder {
  state: WorkerState
}

export type Answer = Required<Pick<CommandResult, 'ok' | 'step' | 'message' | 'follows'>>

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
    idleSinceMs: undefined,
    lastMessageMs: nowMs,
    terminated: false,
    fault: undefined,
    leaving: undefined,
    released: false,
  }
}

/** The state after one more trained step. */
export function trained(state: WorkerState): WorkerState {
  const { attempt, step } = state.position
  return {
    ...state,
    position: { attempt, step: step + 1 },
    plan: { ...state.plan, begun: step + 1 },
    stepsLeft: state.stepsLeft === undefined ? undefined : state.stepsLeft - 1,
  }
}

/** The Progress message of this state. */
export function progressOf({ position, phase, waits, waitedMs }: WorkerState, leaseEpoch: number): Progress {
  return { type: 'progress', leaseEpoch, position, phase, waits, waitedSeconds: waitedMs / 1000 }
}
