/**
 * The guard: backs λ off when a run collapses under it (DESIGN section 3).
 *
 * The usual alarms are silent in a collapse: Σw ≈ 1, nothing is infinite, and the weighted loss falls to 0. What shows it is that
 * a few samples, or one class, take all the weight, and that the unweighted mean loss runs away.
 */
import { COLD_START, drawsApart, isCold, isUntrained, type Beginning, type ColdStart } from './cold-start.js'
import type { ReportedStep } from './rule.js'

export interface GuardOptions {
  /** Steps from what is seen to what is done about it. */
  readonly lag: number
  /** An effective sample size below this share of the batch is too small. */
  readonly minEssRatio: number
  /** A class with more of the weight than this has too much of it, unless half of the batch is its own. */
  readonly maxClassMass: number
  /** A mean loss above so many times that of the first steps has run away. */
  readonly maxLossRatio: number
  /** Steps running that it takes. */
  readonly patience: number
  /** By what |λ| is multiplied. */
  readonly factor: number
  /** What else holds for the first steps of an untrained model under a small negative λ; undefined for nothing. */
  readonly cold: ColdStart | undefined
}

export const GUARD: GuardOptions = {
  lag: 32,
  minEssRatio: 0.15,
  maxClassMass: 0.8,
  // Where wrong labels lose their weight the mean loss rises to twice what it was, and all is well: docs/log.md.
  maxLossRatio: 5,
  patience: 20,
  factor: 4,
  cold: COLD_START,
}

/** What it remembers. */
export interface GuardState {
  /** Steps running with too little effective sample size, or too much weight on a class. */
  readonly narrow: number
  /** The newest mean losses, at most `patience`. */
  readonly losses: readonly number[]
  /** Of the first steps of the run. */
  readonly first: Beginning
  /** Steps before this one say nothing of the last back-off yet. */
  readonly quietUntil: number
  /** Whether λ was negative and small at step 0. */
  readonly cold: boolean
}

export interface BackOff {
  /** The last step that was seen. */
  readonly step: number
  /** First step that it is to hold for. */
  readonly from: number
  /** By what |λ| is to be multiplied. */
  readonly factor: number
  /** For the ledger: what was seen. */
  readonly mark: string
}

export function startGuard(): GuardState {
  return { narrow: 0, losses: [], first: { count: 0, sum: 0, essRatio: NaN }, quietUntil: 0, cold: false }
}

/**
 * The state after one more step, and whether λ is to back off. A step that was not weighed is no reason to. λ does not come
 * back by itself: what made a run collapse once would again.
 */
export function watch(
  before: GuardState,
  step: ReportedStep,
  options: GuardOptions,
): { readonly state: GuardState; readonly backOff?: BackOff } {
  const cold = step.step === 0 ? isCold(step.lambda, options.cold) : before.cold
  const first = withFirst(before.first, step)
  const isEarly = cold && step.step < (options.cold?.steps ?? 0) && isUntrained(first)
  const early = isEarly ? options.cold : undefined
  const { lag, patience, factor } = early ?? options
  const losses = [...before.losses, step.meanLoss].slice(-options.patience)
  const weighed = Number.isFinite(step.lambda)
  const isApart = early !== undefined && drawsApart(step, losses, first, early)
  const narrow = weighed && (isApart || isNarrow(step, options)) ? before.narrow + 1 : 0
  const state = { ...before, first, losses, narrow, cold }
  if (!weighed || step.step < before.quietUntil || isAsGoodAsOff(step)) return { state }
  const mark = narrow >= patience ? narrowness(step, narrow) : ranAway(state, options)
  if (mark === undefined) return { state }
  return {
    state: { ...state, narrow: 0, quietUntil: step.step + 2 * lag + patience },
    backOff: { step: step.step, from: step.step + lag, factor, mark },
  }
}

/** What it did last holds so many steps later than it asked for: so much longer it says nothing of it. */
export function quieter(state: GuardState, steps: number): GuardState {
  return { ...state, quietUntil: state.quietUntil + steps }
}

function withFirst(first: Beginning, { step, meanLoss, essRatio }: ReportedStep): Beginning {
  const begun = step === 0 ? { ...first, essRatio } : first
  if (first.count >= FIRST_STEPS || !Number.isFinite(meanLoss)) return begun
  return { ...begun, count: first.count + 1, sum: first.sum + meanLoss }
}

/** What is wrong then is something else than λ. Told from λ as applied: one that is set by hand is watched anew. */
function isAsGoodAsOff({ lambda, meanLoss }: ReportedStep): boolean {
  const scale = Number.isFinite(meanLoss) ? Math.max(1, Math.abs(meanLoss)) : 1
  return Math.abs(lambda) >= OFF_FROM * scale
}

function isNarrow(
  { essRatio, topClassMass, topClassShare }: ReportedStep,
  { minEssRatio, maxClassMass }: GuardOptions,
): boolean {
  return essRatio < minEssRatio || (topClassMass > maxClassMass && topClassShare < HALF)
}

function narrowness({ essRatio, topClassMass, topClassShare }: ReportedStep, steps: number): string {
  const ess = `effective sample size ${percent(essRatio)} of the batch`
  const mass = Number.isNaN(topClassMass)
    ? ''
    : `, one class with ${percent(topClassMass)} of the weight and ${percent(topClassShare)} of the samples`
  return `for ${steps} steps a few samples held the weight (${ess}${mass})`
}

function ranAway(
  { losses, first }: GuardState,
  { maxLossRatio, patience }: GuardOptions,
): string | undefined {
  if (first.count < FIRST_STEPS || losses.length < patience) return undefined
  const now = losses.reduce((a, b) => a + b, 0) / losses.length
  const then = first.sum / first.count
  if (!(now > maxLossRatio * then)) return undefined
  return `the unweighted mean loss is ${now.toPrecision(3)}, ${(now / then).toPrecision(2)} times that of the first ${FIRST_STEPS} steps`
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`
}

/** In mean losses: weights are even to some digits from there on. */
const OFF_FROM = 1e5
const FIRST_STEPS = 100
const HALF = 0.5
