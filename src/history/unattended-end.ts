/** The end of a run without a controller, from the records of its worker. */
import type { Bye } from '../record/record.js'
import type { RunEnd } from '../record/run-end.js'

/** The end of the run, from the last message of its worker. */
export function unattendedEnd({ reason, position, message, traceback }: Bye): RunEnd {
  const at = `after ${position.step} steps`
  switch (reason) {
    case 'completed':
      return { status: 'completed', reason: message || `the script ended ${at}`, detail: '', position }
    case 'stopped':
      return { status: 'stopped', reason: message || `stopped ${at}`, detail: '', position }
    case 'failed':
      return { status: 'failed', reason: message || `the script failed ${at}`, detail: traceback, position }
    case 'lost':
      return { status: 'failed', reason: `${message} ${at}`, detail: '', position }
    case 'orphaned':
      return { status: 'resumable', reason: message || `given up ${at}`, detail: '', position }
    default:
      return reason satisfies never
  }
}
