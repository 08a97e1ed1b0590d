/** The exit codes of the program. */
import type { ErrorCode } from '../errors.js'
import type { RunSummary } from '../history/summarize-run.js'

/** Exit code of a run that ended with `status`. */
export function exitCodeOf(status: RunSummary['status']): number {
  switch (status) {
    case 'completed':
    case 'stopped':
    case 'running':
    case 'held-elsewhere':
      return 0
    case 'failed':
      return 1
    case 'interrupted':
      return 130
    case 'resumable':
    case 'lost':
      return 75
    default:
      return status satisfies never
  }
}

/** Exit code for an error: 2 for a mistake in the input, 1 for others. */
export function exitCodeOfError(code: ErrorCode): number {
  return ERROR_CODES[code]
}

const ERROR_CODES: Readonly<Record<ErrorCode, number>> = {
  usage: 2,
  experiment: 2,
  'run-directory': 2,
  environment: 1,
  log: 1,
  protocol: 1,
  worker: 1,
  refused: 1,
  unreachable: 1,
}
