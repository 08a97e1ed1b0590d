/**
 * The guard: backs λ off when a run collapses under it (DESIGN section 3).
 *
 * The usual alarms are silent in a collapse: Σw ≈ 1, nothing is infinite, and the weighted loss falls to 0. What shows it is that
 * a few samples, or one class, take all the weight, and that the unweighted mean loss runs away.
 */
import { isEven, mean, NO_BEGINNING, timesOf, withStep, type Beginning } from './beginning.js'
import {
  COLD_START,
  drawsApart,
  factorOf,
  hasLearntLittle,
  isCold,
  isLopsided,
  type ColdStart,
} from './cold-start.js'
import { apartness, lostness, narrowness } from './guard-marks.js'
import type { ReportedStep } from './rule.js'

export interface GuardOptions {
  /** Steps from what is seen to what is done about it. */
  readonly lag: number
  /** An effective sample size below this share of the batch is too small; so is one below two samples. */
  readonly minEssRatio: number
  /** A class with more of the weight than this has too much of it, unless half of the batch is its own. */
  readonly maxClassMass: number
  /** A mean loss above so many times that of the first steps has run away. */
  readonly maxLossRatio: number
  /** Steps in a row that it takes. */
  readonly patience: number
  /** By what |λ| is multiplied. */
  readonly factor: number
  /** What else holds while nothing is learnt under a small |λ|; undefined for nothing. */
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

/** What it remembers: a JSON value. */
export interface GuardState {
  /** Steps in a row with too little effective sample size, or too much weight on a class. */
  readonly narrow: number
  /** Steps in a row in which samples drew apart before anything was learnt. */
  readonly apart: number
  /** Steps of a cold start in a row in which much less than the batch held the weight. */
  readonly lopsided: number
  /** Whether the mean loss of a cold start has fallen by then. */
  readonly hasLearnt?: boolean
  /** Whether something was said that λ does not back off for: once is enough. */
  readonly isTold?: boolean
  /** Steps in a row whose mean loss was not finite. */
  readonly notFinite: number
  /** The newest finite mean losses, at most `patience`. */
  readonly losses: readonly number[]
  /** The newest ESS ratios. */
  readonly essRatios: readonly number[]
  /** Of the first steps of the run. */
  readonly first: Beginning
  /** Steps before this one do not show the last back-off yet. */
  readonly quietUntil: number
  /** The same for what is seen of a cold start alone. */
  readonly coldQuietUntil: number
  /** The run is watched as a cold start up to this step; absent before λ was on. */
  readonly coldUntil?: number
  /** Whether the losses of the first batch that was weighed were alike, as those of an untrained model are. */
  readonly isUntrained: boolean
}

export interface BackOff {
  /** The last step that was seen. */
  readonly step: number
  /** First step that it is to hold for. */
  readonly from: number
  /** By what |λ| is to be multiplied; 1 where it is said alone, and λ stays as it is. */
  readonly factor: number
  /** For the ledger: what was seen. */
  readonly mark: string
}

export function startGuard(): GuardState {
  return {
    narrow: 0,
    apart: 0,
    lopsided: 0,
    notFinite: 0,
    losses: [],
    essRatios: [],
    first: NO_BEGINNING,
    quietUntil: 0,
    coldQuietUntil: 0,
    isUntrained: false,
  }
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
  const { state, ess, loss } = noted(before, step, options)
  const { lag, patience, factor, cold } = options
  if (!isWeighed(step) || isAsGoodAsOff(step, state.first)) return { state }
  const { hasLearnt = false, isTold = false } = state
  if (cold !== undefined && state.apart >= cold.patience && step.step >= coldFrom(state, cold)) {
    const mark = (hasLearnt ? lostness : apartness)(ess, loss, state.first)
    if (step.lambda < 0 || !hasLearnt) return backedOffCold(state, step, cold, mark)
    // λ > 0 raises the loss of what is easy, also in runs that learn it again by themselves.
    if (!isTold) return told(state, step, mark)
  }
  if (step.step < state.quietUntil) return { state }
  const mark = state.narrow >= patience ? narrowness(ess, step, state.narrow) : ranAway(state, step, options)
  if (mark !== undefined) {
    return {
      state: { ...state, narrow: 0, quietUntil: step.step + 2 * lag + patience },
      backOff: { step: step.step, from: step.step + lag, factor, mark },
    }
  }
  const lately = mean(state.losses)
  if (cold === undefined || !hasLearntLittle(lately, state.first)) return { state }
  if (step.lambda > 0) {
    if (isTold || state.lopsided < cold.stalled) return { state }
    return told(state, step, apartness(ess, lately, state.first, 'and little is learnt'))
  }
  if (state.lopsided < patience) return { state }
  return backedOffCold(state, step, cold, apartness(ess, lately, state.first))
}

/** The step from which samples that draw apart are a reason. */
function coldFrom({ coldUntil = 0, coldQuietUntil }: GuardState, { steps, earliest }: ColdStart): number {
  return Math.max(coldQuietUntil, coldUntil - steps + earliest)
}

/** What may be no collapse is said, once, and λ stays as it is. */
function told(state: GuardState, { step }: ReportedStep, mark: string) {
  return { state: { ...state, isTold: true }, backOff: { step, from: step + 1, factor: 1, mark } }
}

function backedOffCold(
  state: GuardState,
  { step, lambda, meanLoss }: ReportedStep,
  cold: ColdStart,
  mark: string,
) {
  const coldQuietUntil = step + 2 * cold.lag + cold.patience
  const quietUntil = Math.max(state.quietUntil, coldQuietUntil)
  const factor = factorOf(lambda, scaleOf(meanLoss, state.first), cold)
  return {
    state: { ...state, narrow: 0, apart: 0, lopsided: 0, quietUntil, coldQuietUntil },
    backOff: { step, from: step + cold.lag, factor, mark },
  }
}

/** The state with one more step, and the newest ESS ratio and mean loss, of as many steps as are looked at as one. */
function noted(before: GuardState, step: ReportedStep, options: GuardOptions) {
  const { lambda, essRatio, meanLoss } = step
  const { cold } = options
  const first = withStep(before.first, step, cold?.below ?? 0)
  const losses = newest(before.losses, meanLoss, options.patience)
  const essRatios = newest(before.essRatios, essRatio, MOST_TOGETHER)
  const together = togetherOf(step.n)
  const ess = mean(essRatios.slice(-together))
  const loss = mean(losses.slice(-Math.max(together, cold?.patience ?? 1)))
  const coldUntil = before.coldUntil ?? (isWeighed(step) ? coldEnd(step, losses, first, cold) : undefined)
  const isUntrained = before.coldUntil === undefined && isWeighed(step) ? isEven(step) : before.isUntrained
  const isEarly = isWeighed(step) && step.step < (coldUntil ?? 0)
  const hasLearnt =
    before.hasLearnt === true ||
    (isEarly && losses.length >= options.patience && !hasLearntLittle(mean(losses), first))
  const isApart =
    isEarly &&
    cold !== undefined &&
    drawsApart({ ess, lambda, loss, isUntrained: isUntrained && !hasLearnt }, first, cold)
  const state: GuardState = {
    ...before,
    narrow: isWeighed(step) && isNarrow(ess, step, options) ? before.narrow + 1 : 0,
    apart: isApart ? before.apart + 1 : 0,
    lopsided: isEarly && cold !== undefined && isLopsided(ess, lambda, cold) ? before.lopsided + 1 : 0,
    notFinite: Number.isFinite(meanLoss) ? 0 : before.notFinite + 1,
    losses,
    essRatios,
    first,
    isUntrained,
    ...(coldUntil === undefined ? {} : { coldUntil }),
    ...(hasLearnt ? { hasLearnt } : {}),
  }
  return { state, ess, loss }
}

/** Up to which step a run whose λ is on for the first time is watched as a cold start; 0 where it is none. */
function coldEnd(
  { step, lambda }: ReportedStep,
  losses: readonly number[],
  first: Beginning,
  cold: ColdStart | undefined,
): number {
  return cold !== undefined && isCold(lambda, mean(losses), first, cold) ? step + cold.steps : 0
}

function isWeighed({ lambda }: ReportedStep): boolean {
  return Number.isFinite(lambda)
}

/** With one more, if it is finite. */
function newest(values: readonly number[], value: number, most: number): readonly number[] {
  return Number.isFinite(value) ? [...values, value].slice(-most) : values
}

/** What it did last holds so many steps later than it asked for: so much longer it says nothing of it. */
export function quieter(state: GuardState, steps: number): GuardState {
  return { ...state, quietUntil: state.quietUntil + steps, coldQuietUntil: state.coldQuietUntil + steps }
}

/** What is wrong then is something else than λ. Told from λ as applied: one that is set by hand is watched anew. */
function isAsGoodAsOff({ lambda, meanLoss }: ReportedStep, first: Beginning): boolean {
  return Math.abs(lambda) >= OFF_FROM * (scaleOf(meanLoss, first) || 1)
}

/** Of the losses, at first or now: the larger one. */
function scaleOf(meanLoss: number, { loss }: Beginning): number {
  return Math.max(Math.abs(loss), Number.isFinite(meanLoss) ? Math.abs(meanLoss) : 0)
}

/** Batches of so few samples that one says little: as many as it takes are looked at as one. */
function togetherOf(n: number): number {
  return n >= 1 ? Math.min(MOST_TOGETHER, Math.ceil(MANY_SAMPLES / n)) : 1
}

/** @param ess - As a share of the batch, over as many batches as are looked at as one */
function isNarrow(
  ess: number,
  { lambda, n, topClassMass, topClassShare }: ReportedStep,
  { minEssRatio, maxClassMass }: GuardOptions,
): boolean {
  // λ > 0 puts the weight on the few hardest samples on purpose: whether the run learns is told by its mean loss.
  // ESS/B cannot come below 1/B, and in a small batch the samples that hold the weight are of one class by chance.
  if (lambda < 0 && n >= LEAST_SAMPLES && ess < Math.max(minEssRatio, TWO_SAMPLES / n)) return true
  return n >= MANY_SAMPLES && topClassMass > maxClassMass && topClassShare < HALF
}

function ranAway(
  { losses, notFinite, first }: GuardState,
  { lambda }: ReportedStep,
  { maxLossRatio, patience }: GuardOptions,
): string | undefined {
  if (notFinite >= NOT_FINITE_STEPS)
    return `the unweighted mean loss has not been finite for ${notFinite} steps`
  if (first.leastCount === 0 || losses.length < patience) return undefined
  const now = mean(losses)
  // λ > 0 raises the loss of what is easy on purpose.
  const most = lambda > 0 ? TWICE * maxLossRatio : maxLossRatio
  if (!(now > timesOf(first.least, most))) return undefined
  const times = (now / first.least).toPrecision(2)
  return `the unweighted mean loss is ${now.toPrecision(3)}, ${times} times that of the first ${first.leastCount} steps`
}

/** In mean losses: weights are even to some digits from there on. */
const OFF_FROM = 1e5
const HALF = 0.5
const TWICE = 2
/** Below so many samples an effective sample size says nothing. */
const LEAST_SAMPLES = 4
const TWO_SAMPLES = 2
const MANY_SAMPLES = 32
const MOST_TOGETHER = 8
const NOT_FINITE_STEPS = 3
