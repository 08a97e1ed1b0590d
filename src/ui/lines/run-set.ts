/** The lines about a set of runs: runs that begin, runs that end, and progress. */
import type { RunSummary } from '../../history/summarize-run.js'
import { formatDuration, formatNumber } from '../text/format.js'
import { fit, WIDTH, wrap } from '../text/layout.js'
import { sanitize } from '../text/sanitize.js'

/** Progress of a set of runs. */
export interface SetProgress {
  /** Number of runs that ended, with any status. */
  readonly over: number
  readonly total: number
  /** NaN while unknown. */
  readonly secondsLeft: number
}

/** How a run of the set begins. */
export type Beginning =
  | { readonly type: 'new' }
  | { readonly type: 'resumed'; readonly status: RunSummary['status']; readonly steps: number }
  /** Another command already trains it. */
  | { readonly type: 'joined'; readonly pid: number }

export function beginningLine(run: string, beginning: Beginning, { total }: SetProgress): string {
  return fit([' '.repeat(countOf(0, total).length), run, beginningInWords(beginning)].map(sanitize))
}

/**
 * ` 3/12  digits-gce-seed1  val.accuracy 0.91  best 0.92  9.1 s  eta 1 min 20 s`, and why a run is not completed.
 *
 * @param seconds - since it began or was resumed
 */
export function endingLines(summary: RunSummary, seconds: number, progress: SetProgress): string[] {
  const { run, status, best, final, reason = '' } = summary
  const items = new Map([
    ['count', countOf(progress.over, progress.total)],
    ['run', run],
  ])
  if (status !== 'completed') items.set('status', status)
  const [metric, value] =
    best === null ? ['train.loss', final['train.loss']] : [best.metric, final[best.metric]]
  if (value !== undefined) items.set('metric', `${metric} ${formatNumber(value)}`)
  if (best !== null) items.set('best', `best ${formatNumber(best.value)}`)
  items.set('seconds', formatDuration(seconds))
  if (progress.over < progress.total && Number.isFinite(progress.secondsLeft))
    items.set('eta', `eta ${formatDuration(progress.secondsLeft)}`)
  const length = () => [...items.values()].join('  ').length
  for (const dispensable of ['best', 'seconds']) if (length() > WIDTH) items.delete(dispensable)
  const why = status === 'completed' || reason === '' ? [] : wrap(sanitize(reason), { indent: '    ' })
  return [fit([...items.values()].map(sanitize)), ...why]
}

/** The lines about a run that could not be started. */
export function refusedLines(run: string, message: string, { over, total }: SetProgress): string[] {
  return [
    fit([countOf(over, total), run, 'not started'].map(sanitize)),
    ...wrap(sanitize(message), { indent: '    ' }),
  ]
}

/**
 * Estimated seconds until the last run ends.
 *
 * @param durations - seconds of the runs that ended; NaN is returned if there are none
 * @param running - seconds that the current runs have trained
 * @param jobs - number of runs at a time
 */
export function secondsLeft(
  durations: readonly number[],
  running: readonly number[],
  waiting: number,
  jobs: number,
): number {
  const typical = durations.reduce((sum, seconds) => sum + seconds, 0) / durations.length
  const underWay = running.reduce((sum, seconds) => sum + Math.max(0, typical - seconds), 0)
  return (underWay + waiting * typical) / Math.max(1, Math.min(jobs, running.length + waiting))
}

function beginningInWords(beginning: Beginning): string {
  switch (beginning.type) {
    case 'new':
      return 'started'
    case 'resumed':
      if (beginning.status === 'completed') return 'was completed meanwhile'
      return `goes on after ${beginning.steps} steps (it was ${beginning.status})`
    case 'joined':
      return `is running already (pid ${beginning.pid})`
    default:
      return beginning satisfies never
  }
}

function countOf(over: number, total: number): string {
  return `${String(over).padStart(String(total).length)}/${total}`
}
