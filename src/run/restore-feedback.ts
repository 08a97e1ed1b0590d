/** What a controller that takes up a run has to remember for its feedback schedules and its guard, from the log. */
import { outlookOf } from '../controller/decisions/feedback.js'
import {
  advance,
  returnTo,
  rulesOf,
  startFeedback,
  type Feedback,
} from '../controller/state/feedback-rules.js'
import { takeNote } from '../controller/state/feedback-window.js'
import { requireInRange } from '../experiment/controls/compile-edit.js'
import { readManifest, runAt } from '../log/run-directory.js'
import { readStepEntries } from '../log/files/named-entries.js'
import { readRun } from '../log/read-run.js'
import type { CheckpointWritten, Hello, LogRecord } from '../record/record.js'
import type { GuardOptions } from '../schedule/feedback/guard.js'
import type { Segment } from '../schedule/segment.js'

export interface RestoredFeedback {
  readonly segments: ReadonlyMap<string, readonly Segment[]>
  /** 0 for a run without end. */
  readonly runSteps: number
  readonly sampleEvery: number
  readonly guard: GuardOptions | undefined
  /** Decide again what the log has decisions for. @default false */
  readonly anew?: boolean
  /** A checkpoint to return to that the log has no record of: it was written behind the last step in the log. */
  readonly found?: CheckpointWritten | undefined
}

/**
 * Reads the log of the run in `dir` once, and its samples too where a rule needs losses. Decisions are taken as the log has
 * them: a rule is asked again only for what nobody decided. A fork remembers what its parent does, while that is there.
 */
export async function restoreFeedback(dir: string, run: RestoredFeedback): Promise<Feedback> {
  const { anew = false } = run
  const rules = rulesOf(run.segments, run.runSteps)
  if (rules.length === 0 && run.guard === undefined) return startFeedback()
  const parent = parentOf(dir)
  let feedback =
    parent === undefined ? startFeedback() : await restoreFeedback(parent, { ...run, found: undefined })
  const outlook = outlookOf({ rules }, run)
  const samples = outlook.needsLosses
    ? readRun(dir, { streams: ['samples'] })[Symbol.asyncIterator]()
    : undefined
  let attempt = 1
  for await (const { body } of readStepEntries(dir)) {
    if (body?.type === 'rewind') {
      attempt = body.attempt
      feedback = returnTo(feedback, rules, body.toStep)
      continue
    }
    if (body?.type === 'decided' && !anew && body.position.attempt === attempt)
      feedback = { ...feedback, decisions: [...feedback.decisions, body] }
    feedback = { ...feedback, back: takeNote(feedback.back, body, attempt, outlook) }
    if (body?.type !== 'step-batch' || body.attempt !== attempt) continue
    const through = body.firstStep + body.count
    while (samples !== undefined && feedback.back.sampledThrough < through) {
      const next: IteratorResult<LogRecord, unknown> = await samples.next()
      // What was lost, or is still to come, is not waited for.
      if (next.done === true) break
      const sampled = next.value.body
      if (sampled.type !== 'sample-batch') continue
      if (sampled.attempt > attempt) break
      feedback = { ...feedback, back: takeNote(feedback.back, sampled, attempt, outlook) }
    }
    feedback = advance(feedback, {
      rules,
      layers: [],
      outlook,
      attempt,
      decides: anew,
      requireInRange,
    }).feedback
  }
  await samples?.return?.(undefined)
  if (run.found !== undefined)
    feedback = { ...feedback, back: takeNote(feedback.back, run.found, attempt, outlook) }
  return feedback
}

/** How the first worker of a run introduced itself; of a fork without one yet, that of its parent. */
export async function firstHello(dir: string): Promise<Hello | undefined> {
  for await (const { body } of readStepEntries(dir)) if (body?.type === 'worker-joined') return body.hello
  const parent = parentOf(dir)
  return parent === undefined ? undefined : firstHello(parent)
}

/** The directory of the run that a fork was forked from, while it is there. */
function parentOf(dir: string): string | undefined {
  const { parent } = readManifest(dir)
  return parent === undefined ? undefined : runAt('', parent.dir)
}
