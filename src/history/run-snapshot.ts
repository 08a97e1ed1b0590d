/**
 * The state of a run after some of its records. Pages, lines and summaries are computed from it.
 *
 * Only the visible history counts (visible-steps.ts). The order of records of different writers does not matter, because a spool
 * is read after the log. The reader removes duplicates (same origin, incarnation, stream, seq).
 */
import { addCheckpoint, visibleCheckpoints } from './visible-checkpoints.js'
import { addEdit, editsAfter, settleEdits, type EditEntry } from './edit-history.js'
import { addEvaluation, namedMetrics, toEvaluationPoint, type EvaluationPoint } from './evaluations.js'
import { furthestPosition, withReached } from './furthest-position.js'
import { latestStep, type LastStep } from './last-step.js'
import {
  ALL_FINITE,
  returnedTo,
  withMetrics,
  withSteps,
  type NonFinite,
} from './series/non-finite-stretches.js'
import type { Body, CheckpointWritten, Gap, LogRecord, Position, StepBatch } from '../record/record.js'
import type { NoteEntry, RunEnd } from '../record/run-end.js'
import { addRequest, settleRequest, type RequestEntry } from './request-results.js'
import {
  addReport,
  countDuplicated,
  countLost,
  hiddenFrom,
  isVisible,
  reportedThrough,
  type Reported,
  type RewindPoint,
} from './visible-steps.js'
import { withReview, type AppliedReview } from './reviews.js'
import { unattendedEnd } from './unattended-end.js'
import { withBye, withLeft, withPhase, withReport, type WorkerState } from './worker-state.js'

export type { NoteEntry, RunEnd } from '../record/run-end.js'

export interface RunSnapshot {
  /** The configuration as the controller last recorded it; undefined before that. */
  readonly manifestJson: string | undefined
  /** The current attempt, from 1; 0 before it is known. */
  readonly attempt: number
  /** Steps done in the visible history. */
  readonly position: number
  /** Steps of the whole run; 0 while unknown, or if it trains until it is stopped. */
  readonly runSteps: number
  /** 0 while unknown, or if the data is a stream. */
  readonly stepsPerEpoch: number
  /** Epochs done, with fraction; undefined without steps per epoch. */
  readonly epoch: number | undefined
  readonly worker: WorkerState
  /** Incarnations of all worker processes that joined, in order. */
  readonly incarnations: readonly string[]
  /** Number of worker processes that joined after the first, because a worker died or the run was resumed. Reconnections do not count. */
  readonly workerRestarts: number
  /** How often training waited for a plan row, over all worker processes. */
  readonly waits: number
  readonly waitsByProcess: Readonly<Record<string, number>>
  /** The last step reported; undefined before the first report, and after a rewind until the next. */
  readonly last: LastStep | undefined
  /** Losses and metrics that are or were NaN or infinite. */
  readonly nonFinite: NonFinite
  /** Sorted by step. */
  readonly evaluations: readonly EvaluationPoint[]
  /** Checkpoints on disk, sorted by step. */
  readonly checkpoints: readonly CheckpointWritten[]
  /** In the order in which they were made. */
  readonly requests: readonly RequestEntry[]
  /** Edits of the visible history, in the order in which they were accepted. */
  readonly edits: readonly EditEntry[]
  /** The last notes, at most `NOTES_KEPT`. */
  readonly notes: readonly NoteEntry[]
  /** The reviews whose corrected data the run trains on, each once. */
  readonly reviews: readonly AppliedReview[]
  /** Where the recording of samples ended. */
  readonly gaps: readonly Gap[]
  /** Numbers that were computed from the log after the end of training. */
  readonly values: Readonly<Record<string, number>>
  /** Set after the end of the run, and removed if a controller continues the run. */
  readonly end: RunEnd | undefined
  /** UTC milliseconds of the first and of the latest record, by the clocks of their writers. For display only. */
  readonly firstMs: number | undefined
  readonly latestMs: number | undefined
  readonly rewinds: readonly RewindPoint[]
  /** First step of the run; for a fork, the step of the checkpoint that it was forked from. */
  readonly begin: number
  readonly reported: readonly Reported[]
  /** The furthest position in any record, for each attempt. */
  readonly reached: readonly Position[]
}

export function initialSnapshot(): RunSnapshot {
  return {
    manifestJson: undefined,
    attempt: 0,
    position: 0,
    runSteps: 0,
    stepsPerEpoch: 0,
    epoch: undefined,
    worker: { status: 'none' },
    incarnations: [],
    workerRestarts: 0,
    waits: 0,
    waitsByProcess: {},
    last: undefined,
    nonFinite: ALL_FINITE,
    evaluations: [],
    checkpoints: [],
    requests: [],
    edits: [],
    notes: [],
    reviews: [],
    gaps: [],
    values: {},
    end: undefined,
    firstMs: undefined,
    latestMs: undefined,
    rewinds: [],
    begin: 0,
    reported: [],
    reached: [],
  }
}

/** The snapshot after one more record. */
export function reduce(snapshot: RunSnapshot, record: LogRecord): RunSnapshot {
  const firstMs = Math.min(snapshot.firstMs ?? Infinity, record.timeMs)
  const latestMs = Math.max(snapshot.latestMs ?? -Infinity, record.timeMs)
  return located(withRecord({ ...snapshot, firstMs, latestMs }, record))
}

/**
 * Number of steps that were trained and are not in the visible history.
 *
 * While a worker is connected, only steps before the last reported one count, because later reports are still on their way.
 */
export function lostSteps(snapshot: RunSnapshot): number {
  const { reported, rewinds, worker, end, position, begin } = snapshot
  const underWay = worker.status === 'joined' && end === undefined
  const to = underWay ? Math.max(begin, reportedThrough(reported, rewinds)) : position
  // The steps before a fork are in the log of its parent.
  return Math.max(0, countLost(reported, rewinds, to) - begin)
}

/** Number of reports of steps that the visible history already has. */
export function duplicatedSteps(snapshot: RunSnapshot): number {
  return countDuplicated(snapshot.reported, snapshot.rewinds)
}

function withRecord(snapshot: RunSnapshot, { body, incarnation }: LogRecord): RunSnapshot {
  switch (body.type) {
    case 'step-batch':
      return withStepBatch(snapshot, incarnation, body)
    case 'evaluation': {
      const point = toEvaluationPoint(body)
      const evaluations = addEvaluation(snapshot.evaluations, point, snapshot.rewinds)
      const nonFinite = isVisible(snapshot.rewinds, body.attempt, body.step)
        ? withMetrics(snapshot.nonFinite, namedMetrics(point), body.step)
        : snapshot.nonFinite
      return reach({ ...snapshot, evaluations, nonFinite }, { attempt: body.attempt, step: body.step + 1 })
    }
    case 'checkpoint-written': {
      const checkpoints = addCheckpoint(snapshot.checkpoints, body, snapshot.rewinds)
      return reach({ ...snapshot, checkpoints }, body.position)
    }
    case 'gap':
      return { ...snapshot, gaps: [...snapshot.gaps, body] }
    case 'plan':
      return body.runSteps === 0 ? snapshot : { ...snapshot, runSteps: body.runSteps }
    case 'controller-started':
      return { ...snapshot, manifestJson: body.manifestJson, end: undefined }
    case 'worker-joined':
      return withJoinedWorker(snapshot, body)
    case 'worker-left':
      return reach({ ...snapshot, worker: withLeft(snapshot.worker, body) }, body.position)
    case 'progress': {
      const { worker } = snapshot
      const by = worker.status === 'joined' ? worker.hello.incarnation : ''
      return reach(
        { ...withWaits(snapshot, by, body.waits), worker: withPhase(worker, body.phase) },
        body.position,
      )
    }
    case 'bye': {
      const end = snapshot.manifestJson === undefined ? { end: unattendedEnd(body) } : {}
      return reach({ ...snapshot, worker: withBye(snapshot.worker, body), ...end }, body.position)
    }
    case 'requested':
      return { ...snapshot, requests: addRequest(snapshot.requests, body.request, body.position) }
    case 'settled':
      return {
        ...snapshot,
        requests: settleRequest(snapshot.requests, body.result),
        edits: settleEdits(snapshot.edits, body.result),
      }
    case 'rewind':
      return rewound(snapshot, { attempt: body.attempt, toStep: body.toStep, cause: body.cause })
    case 'note': {
      const { level, text, position } = body
      const notes = [...snapshot.notes, { level, text, position }].slice(-NOTES_KEPT)
      return { ...snapshot, notes, reviews: withReview(snapshot.reviews, text) }
    }
    case 'summary':
      return { ...snapshot, values: { ...snapshot.values, ...body.values } }
    case 'run-ended': {
      const { status, reason, detail, position } = body
      return reach({ ...snapshot, end: { status, reason, detail, position } }, position)
    }
    case 'edited':
      return { ...snapshot, edits: addEdit(snapshot.edits, body) }
    case 'sample-batch':
    case 'sample-info':
    case 'sample-predictions':
    case 'plan-ack':
    case 'decided':
      return snapshot
    default:
      return body satisfies never
  }
}

function withStepBatch(snapshot: RunSnapshot, incarnation: string, batch: StepBatch): RunSnapshot {
  const { attempt, firstStep } = batch
  const to = firstStep + batch.count
  // Changed in place, as in `located`, because most records of a run are step batches.
  return Object.assign(withWaits(snapshot, incarnation, batch.waits), {
    worker: withReport(snapshot.worker, incarnation),
    reported: addReport(snapshot.reported, attempt, { from: firstStep, to }),
    last: latestStep(snapshot.last, batch, snapshot.rewinds),
    nonFinite: withSteps(snapshot.nonFinite, batch, hiddenFrom(snapshot.rewinds, attempt)),
    reached: withReached(snapshot.reached, { attempt, step: to }),
  })
}

function withJoinedWorker(
  snapshot: RunSnapshot,
  joined: Extract<Body, { type: 'worker-joined' }>,
): RunSnapshot {
  const { hello, attempt, runSteps } = joined
  const known = snapshot.incarnations.includes(hello.incarnation)
  const incarnations = known ? snapshot.incarnations : [...snapshot.incarnations, hello.incarnation]
  const taken: RunSnapshot = {
    ...snapshot,
    worker: { status: 'joined', hello, phase: 'starting' },
    // Without a controller, only a step report shows that the run continues.
    end: snapshot.manifestJson === undefined ? undefined : snapshot.end,
    incarnations,
    workerRestarts: incarnations.length - 1,
    stepsPerEpoch: hello.stepsPerEpoch,
    runSteps,
  }
  return reach(taken, { attempt, step: 0 })
}

function rewound(snapshot: RunSnapshot, rewind: RewindPoint): RunSnapshot {
  const rewinds = [...snapshot.rewinds, rewind]
  const { last } = snapshot
  return reach(
    {
      ...snapshot,
      rewinds,
      begin: rewind.cause === 'fork' ? rewind.toStep : snapshot.begin,
      last: last !== undefined && isVisible(rewinds, last.attempt, last.step) ? last : undefined,
      nonFinite: returnedTo(snapshot.nonFinite, rewind.toStep),
      evaluations: snapshot.evaluations.filter(({ attempt, step }) => isVisible(rewinds, attempt, step)),
      checkpoints: visibleCheckpoints(snapshot.checkpoints, rewinds),
      edits: editsAfter(snapshot.edits, rewind),
      // They were computed from a history that is no longer visible.
      values: {},
    },
    { attempt: rewind.attempt, step: rewind.toStep },
  )
}

/** The count only grows within a process, so that the largest one is the latest, in any order of records. */
function withWaits(snapshot: RunSnapshot, incarnation: string, count: number): RunSnapshot {
  const before = snapshot.waitsByProcess[incarnation] ?? 0
  if (count <= before) return snapshot
  const waitsByProcess = { ...snapshot.waitsByProcess, [incarnation]: count }
  return { ...snapshot, waitsByProcess, waits: snapshot.waits + count - before }
}

function reach(snapshot: RunSnapshot, position: Position): RunSnapshot {
  const reached = withReached(snapshot.reached, position)
  return reached === snapshot.reached ? snapshot : { ...snapshot, reached }
}

/** @param snapshot - Created by `reduce` itself, so that it may be changed in place, for speed. */
function located(snapshot: RunSnapshot): RunSnapshot {
  const { reached, rewinds, stepsPerEpoch } = snapshot
  const { attempt, step: position } = furthestPosition(reached, rewinds)
  const epoch = stepsPerEpoch > 0 ? position / stepsPerEpoch : undefined
  return Object.assign(snapshot, { attempt, position, epoch })
}

/** The log has all notes; a page shows the latest. */
const NOTES_KEPT = 200
