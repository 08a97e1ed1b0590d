/** The end of a run, from the worker's Bye or from the exit of its process. Pure. */
import type { Bye } from '../../record/record.js'
import type { ControllerContext, ControllerEvent, ControllerState, End } from '../state/state.js'

export function endOfBye(state: ControllerState, bye: Bye, context: ControllerContext): End {
  const at = `after ${stepsOf(bye.position.step)}`
  switch (bye.reason) {
    case 'completed':
      return { status: 'completed', reason: completion(state, bye, context), detail: '' }
    case 'stopped':
      return { status: state.stopping ?? 'stopped', reason: bye.message || `stopped ${at}`, detail: '' }
    case 'failed':
      return { status: 'failed', reason: bye.message || `the task failed ${at}`, detail: bye.traceback }
    case 'lost':
      return { status: 'failed', reason: `${bye.message} ${at}`, detail: '' }
    case 'orphaned':
      return {
        status: 'resumable',
        reason: `the worker gave up waiting for a controller ${at}${bye.message === '' ? '' : `: ${bye.message}`}`,
        detail: '',
      }
    default:
      return bye.reason satisfies never
  }
}

export function endOfExit(
  state: ControllerState,
  { exitCode, signal, lastLines }: Extract<ControllerEvent, { type: 'worker-exited' }>,
  context: ControllerContext,
): End {
  const how =
    signal !== '' ? signal : exitCode === undefined ? 'for an unknown reason' : `exit code ${exitCode}`
  if (state.leaseEpoch === 0 && context.worker === 'attached') {
    return { status: state.stopping ?? 'stopped', reason: 'stopped before a script had joined', detail: '' }
  }
  if (state.stopping !== undefined) {
    return { status: state.stopping, reason: `the worker was ended (${how}) ${lastStep(state)}`, detail: '' }
  }
  if (state.leaseEpoch === 0) {
    const reason =
      context.worker === 'script' && exitCode === 0
        ? 'the script ended and trained no step: an optimizer step after a weighed loss is one'
        : `the worker died while starting (${how})`
    return { status: 'failed', reason, detail: lastLines }
  }
  const reason = `the worker died (${how}) ${lastStep(state)}; "absgd resume ${context.run}" ${again(state, context)}`
  return { status: 'failed', reason, detail: lastLines }
}

/** A script may end before the planned length of the run. */
function completion({ source }: ControllerState, bye: Bye, { worker }: ControllerContext): string {
  const { step } = bye.position
  const isOver = worker === 'task' || step === source?.runSteps
  const what = isOver ? `all ${step} steps trained` : `the script ended by itself after ${stepsOf(step)}`
  return bye.message === '' ? what : `${what}; ${bye.message}`
}

function again({ checkpoints }: ControllerState, { worker }: ControllerContext): string {
  if (worker === 'script') return 'starts the script again'
  if (worker === 'attached') return 'waits for the script again'
  const checkpoint = checkpoints.at(-1)
  return checkpoint === undefined
    ? 'trains again from the beginning'
    : `trains again from the checkpoint at step ${checkpoint.position.step}`
}

function lastStep({ reported }: ControllerState): string {
  return reported.step === 0
    ? 'before its first step'
    : `after ${reported.step} ${reported.step === 1 ? 'step' : 'steps'}`
}

function stepsOf(count: number): string {
  return count === 1 ? '1 step' : `${count} steps`
}
