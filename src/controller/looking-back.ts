/** What feedback schedules look back at: the newest steps of the visible history, each once all of it is known. Pure. */
import {
  startGuard,
  watch,
  type BackOff,
  type GuardOptions,
  type GuardState,
} from '../schedule/feedback/guard.js'
import type { ReportedStep } from '../schedule/feedback/rule.js'
import { metricsOf } from '../record/evaluations.js'
import type { Evaluation, SampleBatch, StepBatch } from '../record/record.js'

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

export interface LookingBack {
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

export function startLookingBack(): LookingBack {
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
export function takeSteps(before: LookingBack, batch: StepBatch): LookingBack {
  const reported = [...before.reported]
  for (let i = 0; i < batch.count; i++) {
    const evaluation = i === 0 ? before.evaluation : undefined
    reported.push({ ...stepOf(batch, i), ...(evaluation === undefined ? {} : { evaluation }) })
  }
  return { ...before, reported, evaluation: undefined }
}

export function takeSamples(before: LookingBack, { steps }: SampleBatch): LookingBack {
  const losses = new Map(before.losses)
  for (const { step, losses: own } of steps) if (!losses.has(step)) losses.set(step, own)
  return {
    ...before,
    losses,
    sampledThrough: Math.max(before.sampledThrough, (steps.at(-1)?.step ?? -1) + 1),
  }
}

/** From `step` on no samples are recorded. */
export function takeGap(before: LookingBack): LookingBack {
  return { ...before, sampledThrough: Infinity }
}

/** Part of the next step's report: it comes before that one whatever else is late. */
export function takeEvaluation(before: LookingBack, found: Evaluation): LookingBack {
  return { ...before, evaluation: { ...before.evaluation, ...metricsOf(found) } }
}

/** A checkpoint is written before any later step is reported. */
export function takeCheckpoint(before: LookingBack, step: number): LookingBack {
  const { reported, seen, guard, evaluation } = before
  if (reported.length > 0 && before.front < step) {
    // Its steps are reported, and their samples on their way: what it saves is known when they are.
    return { ...before, saved: [...before.saved, { step, seen: [], guard, evaluation }] }
  }
  return { ...before, saved: withSaved(before.saved, { step, seen, guard, evaluation }) }
}

/** The next step that is known, if there is one, and what the guard says of it. */
export function lookOn(
  before: LookingBack,
  { reach, needsLosses, sampleEvery, guard: options }: Outlook,
): { readonly after: LookingBack; readonly backOff?: BackOff } | undefined {
  const [next, ...reported] = before.reported
  if (next === undefined) return undefined
  const sampled = needsLosses && sampleEvery > 0 && next.step % sampleEvery === 0
  if (sampled && before.sampledThrough <= next.step) return undefined
  const losses = new Map(before.losses)
  const own = losses.get(next.step)
  losses.delete(next.step)
  const step = needsLosses && own !== undefined ? { ...next, losses: own } : next
  const { state: guard, backOff } =
    options === undefined ? { state: before.guard } : watch(before.guard, step, options)
  const seen = [...before.seen, step].slice(-reach)
  const front = step.step + 1
  const after = {
    ...before,
    front,
    seen: reach === 0 ? [] : seen,
    reported,
    losses,
    guard,
    saved: before.saved.map((saved) => (saved.step === front ? { ...saved, seen, guard } : saved)),
  }
  return { after, ...(backOff === undefined ? {} : { backOff }) }
}

/** The run has gone back to the checkpoint of `step`. */
export function lookFrom({ saved }: LookingBack, step: number): LookingBack {
  const kept = saved.filter((one) => one.step <= step)
  const last = kept.findLast((one) => one.step === step)
  const { seen = [], guard = startGuard(), evaluation } = last ?? {}
  return {
    ...startLookingBack(),
    front: step,
    sampledThrough: step,
    seen,
    guard,
    evaluation,
    saved: kept,
  }
}

function withSaved(all: readonly Saved[], one: Saved): readonly Saved[] {
  const others = all.filter(({ step }) => step !== one.step)
  // The beginning is always there to go back to.
  return [...others.slice(0, 1), ...others.slice(1).slice(1 - SAVED_KEPT), one]
}

function stepOf(batch: StepBatch, i: number): ReportedStep {
  const weighing = batch.weighings[0]
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
    // What a class factor does to the weights is meant, and no change of λ mends it.
    essRatio: (isBalanced ? bareEss : sumW ** 2 / (weighing?.sumW2[i] ?? NaN)) / n,
    sumW,
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

/** More checkpoints than that are not on disk at once, unless all are kept: to older ones a run returns without a memory. */
const SAVED_KEPT = 64
