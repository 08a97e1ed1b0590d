/** The state in which a controller starts: with a living worker, from a checkpoint, or from the first step. Part of `start.ts`. */
import { rewindFeedback, rulesOf } from '../controller/state/feedback-decisions.js'
import {
  restartedScriptState,
  restartedState,
  withOpenEdits,
  type Recovered,
} from '../controller/decisions/recovery.js'
import type { ControllerContext, ControllerState } from '../controller/state/state.js'
import { compileRun } from '../experiment/run-schedule.js'
import type { ResolvedExperiment } from '../experiment/resolve-experiment.js'
import { newestWhole } from '../log/checkpoints/whole-checkpoint.js'
import type { Manifest } from '../record/manifest.js'
import type { Body, CheckpointWritten, Position } from '../record/record.js'
import { firstHello, restoreFeedback } from './restore-feedback.js'
import { VERSION } from '../version.js'

/** How the controller's run started. */
export type Origin = 'new' | 're-attached' | 'restarted'

export interface RunToStart {
  readonly dir: string
  readonly manifest: Manifest
  readonly resolved: ResolvedExperiment
  readonly kind: ControllerContext['worker']
  readonly isWorkerAlive: boolean
}

export interface Start {
  readonly state: ControllerState
  readonly origin: Origin
  /** To be appended before anything else happens. */
  readonly opening: readonly Body[]
  /** The checkpoint to restore, if the log has no record of it. */
  readonly unrecorded: CheckpointWritten | undefined
}

/**
 * Chooses how the run starts. If its worker is gone, a new one starts from the newest whole checkpoint, even if the record of that
 * checkpoint or the whole log was lost. The log names each checkpoint that cannot be used.
 *
 * @throws AbsgdError 'run-directory' if there are checkpoints, and none is whole
 */
export function chooseStart(recovered: Recovered, { dir, manifest, kind, isWorkerAlive }: RunToStart): Start {
  const started: Body = {
    type: 'controller-started',
    version: VERSION,
    pid: process.pid,
    manifestJson: JSON.stringify(manifest),
  }
  const plain = { opening: [started], unrecorded: undefined }
  if (isWorkerAlive) return { ...plain, state: withOpenEdits(recovered), origin: 're-attached' }
  const isNew = recovered.worker === undefined
  // A script restores its own state.
  if (kind !== 'task')
    return isNew
      ? { ...plain, state: recovered.state, origin: 'new' }
      : { ...plain, state: restartedScriptState(recovered), origin: 'restarted' }
  const { checkpoint, isUnrecorded, notes } = newestWhole(dir, recovered.state)
  const unrecorded = isUnrecorded ? checkpoint : undefined
  const opening = [
    started,
    ...notes.map((text) => warning(text, recovered.state.reported)),
    ...(unrecorded === undefined ? [] : [unrecorded]),
  ]
  // The log of a fork begins with a checkpoint of its parent.
  if (isNew && unrecorded === undefined)
    return { opening, unrecorded, state: { ...recovered.state, restore: checkpoint }, origin: 'new' }
  const { state, toStep } = restartedState(recovered, checkpoint)
  const rewind: Body = { type: 'rewind', attempt: state.attempt, toStep, cause: 'resume' }
  return {
    opening: [...opening, rewind],
    unrecorded,
    state: unrecorded === undefined ? state : { ...state, checkpoints: [...state.checkpoints, unrecorded] },
    origin: 'restarted',
  }
}

/** The start state with its feedback restored from the log. A run that continues at an earlier step drops the feedback after it. */
export async function withRestoredFeedback(
  { state, unrecorded }: Start,
  logged: Recovered,
  { dir, resolved }: RunToStart,
): Promise<ControllerState> {
  const hello = await firstHello(dir)
  // A fork whose parent was deleted knows its first step, and no report from before it.
  if (hello === undefined)
    return { ...state, feedback: rewindFeedback(state.feedback, [], state.reported.step) }
  const { segments, runSteps } = compileRun(resolved, { stepsPerEpoch: hello.stepsPerEpoch })
  const { sampleEvery, guard } = resolved
  const feedback = await restoreFeedback(dir, { segments, runSteps, sampleEvery, guard, unrecorded })
  if (state.attempt === logged.state.attempt) return { ...state, feedback }
  const rules = rulesOf(segments, runSteps)
  return { ...state, feedback: rewindFeedback(feedback, rules, state.reported.step) }
}

function warning(text: string, position: Position): Body {
  return { type: 'note', level: 'warning', text, position }
}
