/** The state of a run in the cockpit, updated record by record. */
import type { Manifest } from '../../../record/manifest.js'
import { initialPace, withPace, type Pace } from '../../../history/series/pace.js'
import type { LogRecord, Phase, RunStatus } from '../../../record/record.js'
import { createRunSeries, type RunSeries } from '../../../history/series/run-series.js'
import { initialSnapshot, reduce, type RunSnapshot } from '../../../history/run-snapshot.js'
import { eventsOf, type RunEvent } from './run-events.js'
import type { ShownStatus } from '../status-text.js'

export type { RunEvent } from './run-events.js'

export interface RunState {
  readonly manifest: Manifest
  readonly snapshot: RunSnapshot
  /** Changed in place by `withRecord`. */
  readonly series: RunSeries
  readonly pace: Pace
  /** The latest events, at most `EVENTS_KEPT`. */
  readonly events: readonly RunEvent[]
  /** The latest lines that the worker printed. */
  readonly workerLines: readonly string[]
  readonly phase: Phase
  /** Whether a controller drives the run. */
  readonly driven: boolean
  /** Whether all existing records were read. */
  readonly caughtUp: boolean
  /** Whether the run had a controller while the cockpit was open, so that its end decides the exit code. */
  readonly wasDriven: boolean
}

export function initialRunState(manifest: Manifest): RunState {
  return {
    manifest,
    snapshot: initialSnapshot(),
    series: createRunSeries(),
    pace: initialPace(),
    events: [],
    workerLines: [],
    phase: 'starting',
    driven: false,
    caughtUp: false,
    wasDriven: false,
  }
}

/** The state after a record. Changes the series of `state` in place, so `state` must not be used afterwards. */
export function withRecord(state: RunState, record: LogRecord): RunState {
  const { manifest, snapshot: before, series, phase } = state
  const snapshot = reduce(before, record)
  series.take(record)
  const news = eventsOf(record, { run: manifest.run, before, after: snapshot, phase })
  const events = news.length === 0 ? state.events : [...state.events, ...news].slice(-EVENTS_KEPT)
  return {
    ...state,
    snapshot,
    pace: withPace(state.pace, record, snapshot),
    events,
    phase: phaseAfter(phase, record),
  }
}

function phaseAfter(phase: Phase, { body }: LogRecord): Phase {
  if (body.type === 'progress') return body.phase
  return body.type === 'worker-joined' ? 'starting' : phase
}

export function shownStatusOf({ snapshot, driven, caughtUp }: RunState): ShownStatus {
  const { end, worker } = snapshot
  if (end !== undefined) return { type: 'ended', status: end.status, reason: end.reason }
  if (!caughtUp) return { type: 'reading' }
  if (!driven) return { type: 'no-controller' }
  // A worker that finished its work ends a moment before the run does.
  if (worker.status === 'left') {
    return worker.exitCode === 0 ? { type: 'working', phase: 'ending' } : { type: 'no-worker' }
  }
  return { type: 'working', phase: worker.status === 'joined' ? worker.phase : 'starting' }
}

const EVENTS_KEPT = 200
