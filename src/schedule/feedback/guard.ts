/**
 * The guard: multiplies |λ| when a run collapses under it (docs/schedules.md).
 *
 * The usual signs of trouble are absent in a collapse: Σw ≈ 1, nothing is infinite, and the weighted loss falls to 0. A collapse is
 * visible in that a few samples, or one class, have all the weight, and in that the unweighted mean loss rises.
 */
import { isEven, mean, NO_FIRST_LOSSES, timesOf, withFirstLoss, type FirstLosses } from './first-losses.js'
import {
  COLD_START,
  drawsApart,
  factorOf,
  hasLearntLittle,
  isCold,
  isLopsided,
  type ColdStart,
} from './cold-start.js'
import { coldStartMessage, relapseMessage, concentrationMessage } from './guard-messages.js'
import type { ReportedStep } from './feedback-rule.js'

export interface GuardOptions {
  /** Steps from the step that shows the collapse to the first step with the new λ. */
  readonly lag: number
  /** An effective sample size below this share of the batch is too small; so is one below two samples. */
  readonly minEssRatio: number
  /** A class with more of the weight than this has too much of it, unless half of the batch is its own. */
  readonly maxClassMass: number
  /** A mean loss above this many times that of the first steps counts as diverged. */
  readonly maxLossRatio: number
  /** Number of consecutive steps that must show the collapse. */
  readonly patience: number
  /** Factor of |λ|. */
  readonly factor: number
  /** Additional checks while nothing is learnt under a small |λ|; undefined: none. */
  readonly cold: ColdStart | undefined
}

export const GUARD: GuardOptions = {
  lag: 32,
  minEssRatio: 0.15,
  maxClassMass: 0.8,
  // If wrong labels lose their weight, the mean loss can double in a healthy run: docs/log.md.
  maxLossRatio: 5,
  patience: 20,
  factor: 4,
  cold: COLD_START,
}

/** The state of the guard: a JSON value. */
export interface GuardState {
  /** Number of consecutive steps with a too small effective sample size, or too much weight on a class. */
  readonly narrow: number
  /** Number of consecutive steps with uneven weights before anything was learnt. */
  readonly apart: number
  /** Number of consecutive steps of a cold start in which much less than the batch had the weight. */
  readonly lopsided: number
  /** Whether the mean loss of a cold start has fallen. */
  readonly hasLearnt?: boolean
  /** Whether a warning without a change of λ was given: it is given once. */
  readonly isWarned?: boolean
  /** Number of consecutive steps whose mean loss was not finite. */
  readonly notFinite: number
  /** The newest finite mean losses, at most `patience`. */
  readonly losses: readonly number[]
  /** The newest ESS ratios. */
  readonly essRatios: readonly number[]
  /** Mean losses of the first steps of the run. */
  readonly first: FirstLosses
  /** Steps before this one do not yet show the effect of the last back-off. */
  readonly quietUntil: number
  /** The same for the checks of a cold start. */
  readonly coldQuietUntil: number
  /** The run is watched as a cold start up to this step; absent before λ was on. */
  readonly coldUntil?: number
  /** Whether the losses of the first weighed batch were nearly equal, like those of an untrained model. */
  readonly isUntrained: boolean
}

export interface BackOff {
  /** The last step that the decision is based on. */
  readonly step: number
  /** First step with the new λ. */
  readonly from: number
  /** Factor of |λ|; 1: only a warning, λ does not change. */
  readonly factor: number
  /** Message for the ledger. */
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
    first: NO_FIRST_LOSSES,
    quietUntil: 0,
    coldQuietUntil: 0,
    isUntrained: false,
  }
}

/**
 * The state after one more step, and the back-off of λ if there is one. A step that was not weighed never causes one. λ does not
 * return by itself, because the run would collapse again.
 */
export function watch(
  before: GuardState,
  step: ReportedStep,
  options: GuardOptions,
): { readonly state: GuardState; readonly backOff?: BackOff } {
  const { state, ess, loss } = withReportedStep(before, step, options)
  const { lag, patience, factor, cold } = options
  if (!isWeighed(step) || isAsGoodAsOff(step, state.first)) return { state }
  const { hasLearnt = false, isWarned = false } = state
  if (cold !== undefined && state.apart >= cold.patience && step.step >= coldFrom(state, cold)) {
    const mark = (hasLearnt ? relapseMessage : coldStartMessage)(ess, loss, state.first)
    if (step.lambda < 0 || !hasLearnt) return backedOffCold(state, step, cold, mark)
    // λ > 0 raises the loss of easy samples, also in runs that later learn them again.
    if (!isWarned) return warning(state, step, mark)
  }
  if (step.step < state.quietUntil) return { state }
  const mark =
    state.narrow >= patience
      ? concentrationMessage(ess, step, state.narrow)
      : divergenceMessage(state, step, options)
  if (mark !== undefined) {
    return {
      state: { ...state, narrow: 0, quietUntil: step.step + 2 * lag + patience },
      backOff: { step: step.step, from: step.step + lag, factor, mark },
    }
  }
  const lately = mean(state.losses)
  if (cold === undefined || !hasLearntLittle(lately, state.first)) return { state }
  if (step.lambda > 0) {
    if (isWarned || state.lopsided < cold.stalled) return { state }
    return warning(state, step, coldStartMessage(ess, lately, state.first, 'and little is learnt'))
  }
  if (state.lopsided < patience) return { state }
  return backedOffCold(state, step, cold, coldStartMessage(ess, lately, state.first))
}

/** The first step at which uneven weights of a cold start cause a back-off. */
function coldFrom({ coldUntil = 0, coldQuietUntil }: GuardState, { steps, earliest }: ColdStart): number {
  return Math.max(coldQuietUntil, coldUntil - steps + earliest)
}

/** A warning for what may not be a collapse. It is given once, and λ does not change. */
function warning(state: GuardState, { step }: ReportedStep, mark: string) {
  return { state: { ...state, isWarned: true }, backOff: { step, from: step + 1, factor: 1, mark } }
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

/** The state after one more step, with the ESS ratio and the mean loss, averaged over the newest steps that are pooled. */
function withReportedStep(before: GuardState, step: ReportedStep, options: GuardOptions) {
  const { lambda, essRatio, meanLoss } = step
  const { cold } = options
  const first = withFirstLoss(before.first, step, cold?.below ?? 0)
  const losses = newest(before.losses, meanLoss, options.patience)
  const essRatios = newest(before.essRatios, essRatio, MOST_TOGETHER)
  const together = batchesPooled(step.n)
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

/** The end of the cold start of a run whose λ is on for the first time; 0 if it is not a cold start. */
function coldEnd(
  { step, lambda }: ReportedStep,
  losses: readonly number[],
  first: FirstLosses,
  cold: ColdStart | undefined,
): number {
  return cold !== undefined && isCold(lambda, mean(losses), first, cold) ? step + cold.steps : 0
}

function isWeighed({ lambda }: ReportedStep): boolean {
  return Number.isFinite(lambda)
}

/** The newest values, with `value` appended if it is finite. */
function newest(values: readonly number[], value: number, most: number): readonly number[] {
  return Number.isFinite(value) ? [...values, value].slice(-most) : values
}

/** Extends the quiet period after a back-off that took effect `steps` steps later than planned. */
export function extendQuietPeriod(state: GuardState, steps: number): GuardState {
  return { ...state, quietUntil: state.quietUntil + steps, coldQuietUntil: state.coldQuietUntil + steps }
}

/** Whether λ is so large that it cannot be the cause. It looks at λ as applied, so that a λ set by hand is watched again. */
function isAsGoodAsOff({ lambda, meanLoss }: ReportedStep, first: FirstLosses): boolean {
  return Math.abs(lambda) >= OFF_FROM * (scaleOf(meanLoss, first) || 1)
}

/** The size of the losses: at first or now, whichever is larger. */
function scaleOf(meanLoss: number, { loss }: FirstLosses): number {
  return Math.max(Math.abs(loss), Number.isFinite(meanLoss) ? Math.abs(meanLoss) : 0)
}

/** How many small batches are averaged together, because one of them has too few samples. */
function batchesPooled(n: number): number {
  return n >= 1 ? Math.min(MOST_TOGETHER, Math.ceil(MANY_SAMPLES / n)) : 1
}

/** @param ess - ESS ratio, averaged over the pooled batches */
function isNarrow(
  ess: number,
  { lambda, n, topClassMass, topClassShare }: ReportedStep,
  { minEssRatio, maxClassMass }: GuardOptions,
): boolean {
  // λ > 0 puts the weight on the few hardest samples on purpose: its mean loss shows whether the run learns.
  // ESS/B is at least 1/B, and in a small batch the samples with the weight can be of one class by chance.
  if (lambda < 0 && n >= LEAST_SAMPLES && ess < Math.max(minEssRatio, TWO_SAMPLES / n)) return true
  return n >= MANY_SAMPLES && topClassMass > maxClassMass && topClassShare < HALF
}

function divergenceMessage(
  { losses, notFinite, first }: GuardState,
  { lambda }: ReportedStep,
  { maxLossRatio, patience }: GuardOptions,
): string | undefined {
  if (notFinite >= NOT_FINITE_STEPS)
    return `the unweighted mean loss has not been finite for ${notFinite} steps`
  if (first.leastCount === 0 || losses.length < patience) return undefined
  const now = mean(losses)
  // λ > 0 raises the loss of easy samples on purpose.
  const most = lambda > 0 ? TWICE * maxLossRatio : maxLossRatio
  if (!(now > timesOf(first.least, most))) return undefined
  const times = (now / first.least).toPrecision(2)
  return `the unweighted mean loss is ${now.toPrecision(3)}, ${times} times that of the first ${first.leastCount} steps`
}

/** In mean losses: from this |λ| on the weights are even to several digits. */
const OFF_FROM = 1e5
const HALF = 0.5
const TWICE = 2
/** With fewer samples an effective sample size means nothing. */
const LEAST_SAMPLES = 4
const TWO_SAMPLES = 2
const MANY_SAMPLES = 32
const MOST_TOGETHER = 8
const NOT_FINITE_STEPS = 3
