/** What a controller that takes up a run has to remember for its feedback schedules and its guard, from the log. */
import { outlookOf } from './controller/deciding.js'
import { advance, decisionsAfter, rulesOf, startFeedback, type Feedback } from './controller/feedback.js'
import {
  lookFrom,
  takeCheckpoint,
  takeEvaluation,
  takeGap,
  takeSamples,
  takeSteps,
} from './controller/looking-back.js'
import { requireInRange } from './experiment/edit.js'
import { readStepEntries } from './log/entries.js'
import { readRun } from './log/reader.js'
import type { Body, LogRecord } from './record/record.js'
import type { GuardOptions } from './schedule/feedback/guard.js'
import type { Segment } from './schedule/segment.js'

export interface RecalledRun {
  readonly segments: ReadonlyMap<string, readonly Segment[]>
  /** 0 for a run without end. */
  readonly runSteps: number
  readonly sampleEvery: number
  readonly guard: GuardOptions | undefined
  /** Decide again what the log has decisions for. @default false */
  readonly anew?: boolean
}

/**
 * @param begun - Of a fork: what its parent remembers
 *
 * Reads the log of the run in `dir` once, and its samples too where a rule needs losses. Decisions are taken as the log has
 * them: a rule is asked again only for what nobody decided.
 */
export async function recallFeedback(
  dir: string,
  run: RecalledRun,
  begun: Feedback = startFeedback(),
): Promise<Feedback> {
  const { anew = false } = run
  const rules = rulesOf(run.segments, run.runSteps)
  let feedback = begun
  if (rules.length === 0 && run.guard === undefined) return feedback
  const outlook = outlookOf({ rules }, run)
  const samples = outlook.needsLosses
    ? readRun(dir, { streams: ['samples'] })[Symbol.asyncIterator]()
    : undefined
  let attempt = 1
  for await (const { body } of readStepEntries(dir)) {
    if (body?.type === 'rewind') {
      attempt = body.attempt
      feedback = {
        back: lookFrom(feedback.back, body.toStep),
        decisions: decisionsAfter(feedback.decisions, rules, body.toStep),
        guardMark: '',
      }
      continue
    }
    if (body?.type === 'decided' && !anew && body.position.attempt === attempt)
      feedback = { ...feedback, decisions: [...feedback.decisions, body] }
    feedback = { ...feedback, back: noted(feedback.back, body, attempt, outlook.needsLosses) }
    if (body?.type !== 'step-batch' || body.attempt !== attempt) continue
    const through = body.firstStep + body.count
    while (samples !== undefined && feedback.back.sampledThrough < through) {
      const next: IteratorResult<LogRecord, unknown> = await samples.next()
      // What was lost, or is still to come, is not waited for.
      if (next.done === true) break
      const sampled = next.value.body
      if (sampled.type !== 'sample-batch') continue
      if (sampled.attempt > attempt) break
      if (sampled.attempt === attempt) feedback = { ...feedback, back: takeSamples(feedback.back, sampled) }
    }
    feedback = advance(feedback, {
      rules,
      outlook,
      attempt,
      decides: anew,
      requireInRange,
    }).feedback
  }
  await samples?.return?.(undefined)
  return feedback
}

function noted(back: Feedback['back'], body: Body | undefined, attempt: number, needsLosses: boolean) {
  switch (body?.type) {
    case 'step-batch':
      return body.attempt === attempt ? takeSteps(back, body) : back
    case 'gap':
      return needsLosses ? takeGap(back) : back
    case 'evaluation':
      return body.attempt === attempt ? takeEvaluation(back, body) : back
    case 'checkpoint-written':
      return body.position.attempt === attempt ? takeCheckpoint(back, body.position.step) : back
    default:
      return back
  }
}
