/** Where a run is taken up: with its living worker, from a checkpoint, or from its first step. Part of `start.ts`. */
import { returnTo, rulesOf } from '../controller/state/feedback-rules.js'
import { beginsAnew, restarted, withUnsettled, type Recovered } from '../controller/decisions/recovery.js'
import type { ControllerContext, ControllerState } from '../controller/state/state.js'
import { compileRun } from '../experiment/run-schedule.js'
import type { ResolvedExperiment } from '../experiment/resolve-experiment.js'
import { newestWhole } from '../log/checkpoints/whole-checkpoint.js'
import type { Manifest } from '../record/manifest.js'
import type { Body, CheckpointWritten, Position } from '../record/record.js'
import { firstHello, restoreFeedback } from './restore-feedback.js'
import { VERSION } from '../version.js'

/** How a run was taken up. */
export type Origin = 'new' | 're-attached' | 'restarted'

export interface TakenUp {
  readonly dir: string
  readonly manifest: Manifest
  readonly resolved: ResolvedExperiment
  readonly kind: ControllerContext['worker']
  /** Whether its worker lives. */
  readonly living: boolean
}

export interface Beginning {
  readonly state: ControllerState
  readonly origin: Origin
  /** To be appended before anything else happens. */
  readonly opening: readonly Body[]
  /** The checkpoint to return to, where the log has no record of it. */
  readonly found: CheckpointWritten | undefined
}

/**
 * A worker that is gone starts again from the newest checkpoint that is whole, also where its record or the whole log was
 * lost. Those that cannot be used are named in the log.
 *
 * @throws AbsgdError 'run-directory' where there are checkpoints, and none is whole
 */
export function beginningOf(recovered: Recovered, { dir, manifest, kind, living }: TakenUp): Beginning {
  const started: Body = {
    type: 'controller-started',
    version: VERSION,
    pid: process.pid,
    manifestJson: JSON.stringify(manifest),
  }
  const plain = { opening: [started], found: undefined }
  if (living) return { ...plain, state: withUnsettled(recovered), origin: 're-attached' }
  const isFresh = recovered.worker === undefined
  // What a script has to restore is its own.
  if (kind !== 'task')
    return isFresh
      ? { ...plain, state: recovered.state, origin: 'new' }
      : { ...plain, state: beginsAnew(recovered), origin: 'restarted' }
  const { checkpoint, isUnrecorded, notes } = newestWhole(dir, recovered.state)
  const found = isUnrecorded ? checkpoint : undefined
  const opening = [
    started,
    ...notes.map((text) => noteOf(text, recovered.state.reported)),
    ...(found === undefined ? [] : [found]),
  ]
  // A fork's log begins with a checkpoint of its parent.
  if (isFresh && found === undefined)
    return { opening, found, state: { ...recovered.state, restore: checkpoint }, origin: 'new' }
  const { state, toStep } = restarted(recovered, checkpoint)
  const rewind: Body = { type: 'rewind', attempt: state.attempt, toStep, cause: 'resume' }
  return {
    opening: [...opening, rewind],
    found,
    state: found === undefined ? state : { ...state, checkpoints: [...state.checkpoints, found] },
    origin: 'restarted',
  }
}

/** A run that goes on at an earlier step has forgotten what came after it. */
export async function withRecalled(
  state: ControllerState,
  logged: Recovered,
  { dir, resolved }: TakenUp,
  found: CheckpointWritten | undefined,
): Promise<ControllerState> {
  const hello = await firstHello(dir)
  // A fork whose parent is gone knows where it begins, and nothing of what came before.
  if (hello === undefined) return { ...state, feedback: returnTo(state.feedback, [], state.reported.step) }
  const { segments, runSteps } = compileRun(resolved, { stepsPerEpoch: hello.stepsPerEpoch })
  const { sampleEvery, guard } = resolved
  const feedback = await restoreFeedback(dir, { segments, runSteps, sampleEvery, guard, found })
  if (state.attempt === logged.state.attempt) return { ...state, feedback }
  return { ...state, feedback: returnTo(feedback, rulesOf(segments, runSteps), state.reported.step) }
}

function noteOf(text: string, position: Position): Body {
  return { type: 'note', level: 'warning', text, position }
}
