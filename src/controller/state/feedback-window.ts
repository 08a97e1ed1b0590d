/** The newest steps of the visible history, which feedback rules and the guard look back at. A step enters once all of it is known. Pure. */
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

export interface WindowOptions {
  /** Number of steps to keep. */
  readonly reach: number
  /** Whether a step is known only with the losses of its samples. */
  readonly needsLosses: boolean
  /** Steps t with t % every === 0 have their samples recorded; 0 for none. */
  readonly sampleEvery: number
  readonly guard: GuardOptions | undefined
}

/** The window at a checkpoint, to which the run may return. */
interface SavedWindow {
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
  /** By step: losses that arrived before the report of their step. */
  readonly losses: ReadonlyMap<number, Float32Array>
  /** The samples of all steps before this one have arrived, or are known to be missing. */
  readonly sampledThrough: number
  /** Metrics of evaluations since the last report. */
  readonly evaluation: Readonly<Record<string, number>> | undefined
  readonly guard: GuardState
  /** Ascending by step, for checkpoints that may still be on disk. */
  readonly saved: readonly SavedWindow[]
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

/** @param batch - Of the current attempt, behind all steps that were added before */
export function addSteps(before: FeedbackWindow, batch: StepBatch): FeedbackWindow {
  const reported = [...before.reported]
  for (let i = 0; i < batch.count; i++) {
    const evaluation = i === 0 ? before.evaluation : undefined
    reported.push({ ...stepOf(batch, i), ...(evaluation === undefined ? {} : { evaluation }) })
  }
  return { ...before, reported, evaluation: undefined }
}

function addSamples(before: FeedbackWindow, { steps }: SampleBatch): FeedbackWindow {
  const losses = new Map(before.losses)
  for (const { step, losses: own } of steps) if (!losses.has(step)) losses.set(step, own)
  return {
    ...before,
    losses,
    sampledThrough: Math.max(before.sampledThrough, (steps.at(-1)?.step ?? -1) + 1),
  }
}

/** No further samples will arrive: no step waits for them any more. */
function addGap(before: FeedbackWindow): FeedbackWindow {
  return { ...before, sampledThrough: Infinity }
}

/** Joins the metrics to the report of the next step, which always arrives later. */
function addEvaluation(before: FeedbackWindow, evaluation: Evaluation): FeedbackWindow {
  return { ...before, evaluation: { ...before.evaluation, ...metricsOf(evaluation) } }
}

/**
 * Saves the window at a checkpoint, which is written before any later step is reported. If samples of its steps are still on
 * their way, `addKnownStep` completes the saved window once they have arrived.
 */
function saveAtCheckpoint(before: FeedbackWindow, step: number): FeedbackWindow {
  const { seen, guard, evaluation } = before
  return { ...before, saved: withSaved(before.saved, { step, seen, guard, evaluation }) }
}

/** Adds a record of the current attempt; records of other attempts add nothing. */
export function addRecord(
  before: FeedbackWindow,
  body: Body | undefined,
  attempt: number,
  { needsLosses }: Pick<WindowOptions, 'needsLosses'>,
): FeedbackWindow {
  switch (body?.type) {
    case 'step-batch':
      return body.attempt === attempt ? addSteps(before, body) : before
    case 'sample-batch':
      return needsLosses && body.attempt === attempt ? addSamples(before, body) : before
    case 'gap':
      return needsLosses ? addGap(before) : before
    case 'evaluation':
      return body.attempt === attempt ? addEvaluation(before, body) : before
    case 'checkpoint-written':
      return body.position.attempt === attempt ? saveAtCheckpoint(before, body.position.step) : before
    default:
      return before
  }
}

/** Whether everything about a reported step has arrived. */
export function isKnown(
  { sampledThrough }: FeedbackWindow,
  { step }: ReportedStep,
  { needsLosses, sampleEvery }: WindowOptions,
): boolean {
  const sampled = needsLosses && sampleEvery > 0 && step % sampleEvery === 0
  return !sampled || sampledThrough > step
}

/** Adds the next reported step, which must be completely known. The caller removes it from `reported`. */
export function addKnownStep(
  before: FeedbackWindow,
  next: ReportedStep,
  { reach, needsLosses, guard: options }: WindowOptions,
): { readonly after: FeedbackWindow; readonly backOff?: BackOff } {
  // A step without the run's main weighing: its samples belong to another one.
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

/** Returns to the window that was saved at the checkpoint of `step`. */
export function returnWindow({ saved }: FeedbackWindow, step: number): FeedbackWindow {
  const kept = saved.filter((entry) => entry.step <= step)
  const last = kept.findLast((entry) => entry.step === step)
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

function withSaved(all: readonly SavedWindow[], one: SavedWindow): readonly SavedWindow[] {
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
/** Runs keep fewer checkpoints than this, unless they keep all: a return to an older one then starts with an empty window. */
const SAVED_KEPT = 64
