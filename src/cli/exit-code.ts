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
