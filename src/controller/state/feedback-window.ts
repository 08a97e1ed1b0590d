/** What feedback schedules look back at: the newest steps of the visible history, each once all of it is known. Pure. */
import {
  startGuard,
  watch,
  type BackOff,
  type GuardOptions,
  type GuardState,
} from '../../schedule/feedback/guard.js'
import type { ReportedStep } from '../../schedule/feedback/feedback-rule.js'
import { metricsOf } from '../../history/evaluations.js'
import { mainWeighing } from '../../history/series/main-weighing.js'
import { essRatioBeforeClassFactor, weightedMeanLoss } from '../../weighting/diagnostics.js'
import type { Body, Evaluation, SampleBatch, StepBatch } from '../../record/record.js'

/** What is to be looked at. */
export interface Outlook {
  /** Steps that are kept to look back at. */
  readonly reach: number
  /** Whether steps are known once the losses of their samples are. */
  readonly needsLosses: boolean
  /** Steps t with t % every === 0 have their samples recorded; 0 for none. */
  readonly sampleEvery: number
  readonly guard: GuardOptions | undefined
}

/** A point to which a run may return. */
interface Saved {
  readonly step: number
  readonly seen: readonly ReportedStep[]
  readonly guard: GuardState
  readonly evaluation: Readonly<Record<string, number>> | undefined
}

export interface FeedbackWindow {
  /** All steps before this one are known. */
  readonly front: number
  /** The newest of them, ascending. */
  readonly seen: readonly ReportedStep[]
  /** Reported, but not known yet. */
  readonly reported: readonly ReportedStep[]
  /** Losses that came before the report of their step, by step. */
  readonly losses: ReadonlyMap<number, Float32Array>
  /** Samples of steps before this one have come, or never will. */
  readonly sampledThrough: number
  /** Found by evaluations since the last report. */
  readonly evaluation: Readonly<Record<string, number>> | undefined
  readonly guard: GuardState
  /** Ascending; of checkpoints that may still be on disk. */
  readonly saved: readonly Saved[]
}

export function startFeedbackWindow(): FeedbackWindow {
  const guard = startGuard()
  return {
    front: 0,
    seen: [],
    reported: [],
    losses: new Map(),
    sampledThrough: 0,
    evaluation: undefined,
    guard,
    saved: [{ step: 0, seen: [], guard, evaluation: undefined }],
  }
}

/** @param batch - Of the attempt that trains, behind all that was taken before */
export function takeSteps(before: FeedbackWindow, batch: StepBatch): FeedbackWindow {
  const reported = [...before.reported]
  for (let i = 0; i < batch.count; i++) {
    const evaluation = i === 0 ? before.evaluation : undefined
    reported.push({ ...stepOf(batch, i), ...(evaluation === undefined ? {} : { evaluation }) })
  }
  return { ...before, reported, evaluation: undefined }
}

function takeSamples(before: FeedbackWindow, { steps }: SampleBatch): FeedbackWindow {
  const losses = new Map(before.losses)
  for (const { step, losses: own } of steps) if (!losses.has(step)) losses.set(step, own)
  return {
    ...before,
    losses,
    sampledThrough: Math.max(before.sampledThrough, (steps.at(-1)?.step ?? -1) + 1),
  }
}

/** From `step` on no samples are recorded. */
function takeGap(before: FeedbackWindow): FeedbackWindow {
  return { ...before, sampledThrough: Infinity }
}

/** Part of the next step's report: it comes before that one whatever else is late. */
function takeEvaluation(before: FeedbackWindow, found: Evaluation): FeedbackWindow {
  return { ...before, evaluation: { ...before.evaluation, ...metricsOf(found) } }
}

/**
 * A checkpoint is written before any later step is reported. The samples of its steps may still be on their way: what it
 * saves is known when they have come.
 */
function takeCheckpoint(before: FeedbackWindow, step: number): FeedbackWindow {
  const { seen, guard, evaluation } = before
  return { ...before, saved: withSaved(before.saved, { step, seen, guard, evaluation }) }
}

/** What a record of the attempt that trains adds; others add nothing. */
export function takeNote(
  before: FeedbackWindow,
  body: Body | undefined,
  attempt: number,
  { needsLosses }: Pick<Outlook, 'needsLosses'>,
): FeedbackWindow {
  switch (body?.type) {
    case 'step-batch':
      return body.attempt === attempt ? takeSteps(before, body) : before
    case 'sample-batch':
      return needsLosses && body.attempt === attempt ? takeSamples(before, body) : before
    case 'gap':
      return needsLosses ? takeGap(before) : before
    case 'evaluation':
      return body.attempt === attempt ? takeEvaluation(before, body) : before
    case 'checkpoint-written':
      return body.position.attempt === attempt ? takeCheckpoint(before, body.position.step) : before
    default:
      return before
  }
}

/** Whether all is known of a step that was reported. */
export function isKnown(
  { sampledThrough }: FeedbackWindow,
  { step }: ReportedStep,
  { needsLosses, sampleEvery }: Outlook,
): boolean {
  const sampled = needsLosses && sampleEvery > 0 && step % sampleEvery === 0
  return !sampled || sampledThrough > step
}

/** Looks at the next step that was reported, all of which is known; the caller takes it off `reported`. */
export function lookAt(
  before: FeedbackWindow,
  next: ReportedStep,
  { reach, needsLosses, guard: options }: Outlook,
): { readonly after: FeedbackWindow; readonly backOff?: BackOff } {
  // A step without a loss of the run's main weighing: its samples are of another one.
  const isWithoutMain = Number.isNaN(next.n)
  const own = needsLosses && !isWithoutMain ? before.losses.get(next.step) : undefined
  const step = own === undefined ? next : { ...next, losses: own }
  const { state: guard, backOff } =
    options === undefined || isWithoutMain ? { state: before.guard } : watch(before.guard, step, options)
  const seen = reach === 0 ? NONE : [...before.seen, step].slice(-reach)
  const front = step.step + 1
  const isSaved = before.saved.some((saved) => saved.step === front)
  const after = {
    ...before,
    front,
    seen,
    losses: before.losses.has(next.step) ? without(before.losses, next.step) : before.losses,
    guard,
    saved: isSaved
      ? before.saved.map((saved) => (saved.step === front ? { ...saved, seen, guard } : saved))
      : before.saved,
  }
  return { after, ...(backOff === undefined ? {} : { backOff }) }
}

/** The run has gone back to the checkpoint of `step`. */
export function restoreWindow({ saved }: FeedbackWindow, step: number): FeedbackWindow {
  const kept = saved.filter((one) => one.step <= step)
  const last = kept.findLast((one) => one.step === step)
  const { seen = [], guard = startGuard(), evaluation } = last ?? {}
  return {
    ...startFeedbackWindow(),
    front: step,
    sampledThrough: step,
    seen,
    guard,
    evaluation,
    saved: kept,
  }
}

function without(losses: FeedbackWindow['losses'], step: number): FeedbackWindow['losses'] {
  const left = new Map(losses)
  left.delete(step)
  return left
}

function withSaved(all: readonly Saved[], one: Saved): readonly Saved[] {
  const others = all.filter(({ step }) => step !== one.step)
  // The beginning is always there to go back to.
  return [...others.slice(0, 1), ...others.slice(1).slice(1 - SAVED_KEPT), one]
}

function stepOf(batch: StepBatch, i: number): ReportedStep {
  const weighing = mainWeighing(batch)
  const sumW = weighing?.sumW[i] ?? NaN
  const n = weighing?.n[i] ?? NaN
  const bareEss = weighing?.bare?.ess[i] ?? NaN
  const isBalanced = !Number.isNaN(bareEss)
  const controls = rowOf(batch.controls, i)
  return {
    step: batch.firstStep + i,
    lambda: controls['lambda'] ?? Infinity,
    controls,
    n,
    meanLoss: weighing?.meanLoss[i] ?? NaN,
    // ESS before the class factor: the guard must not react to class balancing.
    essRatio: essRatioBeforeClassFactor({ n, sumW, sumW2: weighing?.sumW2[i] ?? NaN }, bareEss),
    sumW,
    weightedLoss: weightedMeanLoss({ sumWL: weighing?.sumWL[i] ?? NaN, sumW }),
    topClassMass: isBalanced ? NaN : topMass(weighing?.classMass, i, batch.count) / sumW,
    topClassShare: weighing?.topClassShare[i] ?? NaN,
    metrics: rowOf(batch.metrics, i),
  }
}

function topMass(classMass: Float32Array | undefined, i: number, count: number): number {
  if (classMass === undefined || classMass.length === 0) return NaN
  const classes = classMass.length / count
  let top = 0
  for (let c = i * classes; c < (i + 1) * classes; c++) top = Math.max(top, classMass[c]!)
  return top
}

function rowOf(columns: StepBatch['controls'], i: number): Record<string, number> {
  const row: Record<string, number> = {}
  for (const name in columns) row[name] = columns[name]![i] ?? NaN
  return row
}

const NONE: readonly ReportedStep[] = []
/** More checkpoints than that are not on disk at once, unless all are kept: to older ones a run returns without a memory. */
const SAVED_KEPT = 64
