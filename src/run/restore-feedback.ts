/** Restores the feedback window and decisions of a run that continues, from its log. */
import { windowOptions } from '../controller/decisions/feedback.js'
import {
  advanceFeedback,
  rewindFeedback,
  rulesOf,
  startFeedback,
  type Feedback,
} from '../controller/state/feedback-decisions.js'
import { addRecord } from '../controller/state/feedback-window.js'
import { requireInRange } from '../experiment/controls/compile-edit.js'
import { readManifest, runAt } from '../log/run-directory.js'
import { readStepEntries } from '../log/files/named-entries.js'
import { readRun } from '../log/read-run.js'
import type { CheckpointWritten, Hello, LogRecord } from '../record/record.js'
import type { GuardOptions } from '../schedule/feedback/guard.js'
import type { Segment } from '../schedule/segment.js'

export interface FeedbackToRestore {
  readonly segments: ReadonlyMap<string, readonly Segment[]>
  /** 0 for a run without end. */
  readonly runSteps: number
  readonly sampleEvery: number
  readonly guard: GuardOptions | undefined
  /** Make all decisions again instead of reading them from the log. @default false */
  readonly anew?: boolean
  /** The checkpoint to restore, if the log has no record of it: it was written after the last step in the log. */
  readonly unrecorded?: CheckpointWritten | undefined
}

/**
 * Reads the log of the run in `dir` once, and its samples too if a rule needs losses. Decisions come from the log; a rule decides
 * again only for steps without one. For a fork, the log of its parent is read first, if it still exists.
 */
export async function restoreFeedback(dir: string, run: FeedbackToRestore): Promise<Feedback> {
  const { anew = false } = run
  const rules = rulesOf(run.segments, run.runSteps)
  if (rules.length === 0 && run.guard === undefined) return startFeedback()
  const parent = parentOf(dir)
  let feedback =
    parent === undefined ? startFeedback() : await restoreFeedback(parent, { ...run, unrecorded: undefined })
  const options = windowOptions({ rules }, run)
  const samples = options.needsLosses
    ? readRun(dir, { streams: ['samples'] })[Symbol.asyncIterator]()
    : undefined
  let attempt = 1
  for await (const { body } of readStepEntries(dir)) {
    if (body?.type === 'rewind') {
      attempt = body.attempt
      feedback = rewindFeedback(feedback, rules, body.toStep)
      continue
    }
    if (body?.type === 'decided' && !anew && body.position.attempt === attempt)
      feedback = { ...feedback, decisions: [...feedback.decisions, body] }
    feedback = { ...feedback, window: addRecord(feedback.window, body, attempt, options) }
    if (body?.type !== 'step-batch' || body.attempt !== attempt) continue
    const through = body.firstStep + body.count
    while (samples !== undefined && feedback.window.sampledThrough < through) {
      const next: IteratorResult<LogRecord, unknown> = await samples.next()
      // The samples that are missing were lost, or arrive later.
      if (next.done === true) break
      const sampled = next.value.body
      if (sampled.type !== 'sample-batch') continue
      if (sampled.attempt > attempt) break
      feedback = { ...feedback, window: addRecord(feedback.window, sampled, attempt, options) }
    }
    feedback = advanceFeedback(feedback, {
      rules,
      layers: [],
      options,
      attempt,
      runSteps: run.runSteps,
      decides: anew,
      requireInRange,
    }).feedback
  }
  await samples?.return?.(undefined)
  if (run.unrecorded !== undefined)
    feedback = { ...feedback, window: addRecord(feedback.window, run.unrecorded, attempt, options) }
  return feedback
}

/** The Hello of the run's first worker. For a fork without a worker yet, that of its parent. */
export async function firstHello(dir: string): Promise<Hello | undefined> {
  for await (const { body } of readStepEntries(dir)) if (body?.type === 'worker-joined') return body.hello
  const parent = parentOf(dir)
  return parent === undefined ? undefined : firstHello(parent)
}

/** The directory of a fork's parent; undefined if the run is no fork, or its parent does not exist any more. */
function parentOf(dir: string): string | undefined {
  const { parent } = readManifest(dir)
  return parent === undefined ? undefined : runAt('', parent.dir)
}
