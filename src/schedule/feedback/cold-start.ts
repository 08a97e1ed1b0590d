/**
 * A run whose |λ| is small while nothing is learnt: its losses are all alike at first, and the samples that happen to be
 * learnt first take all the weight within some thirty steps. A network that collapsed often stays dead, so it must be seen before.
 */
import { isSmall, timesOf, type Beginning } from './beginning.js'

/** How the first steps of such a run are watched: rows are planned no further than `lag` steps ahead of what is reported. */
export interface ColdStart {
  /** A |λ| below so many times the first mean loss is small. */
  readonly below: number
  /** For so many steps from the first that is weighed. */
  readonly steps: number
  readonly lag: number
  /** No sooner than so many steps from the first that is weighed are samples said to draw apart: early losses say little. */
  readonly earliest: number
  readonly patience: number
  /** By what |λ| is multiplied, at the least. */
  readonly factor: number
  /** |λ| comes to at least so many times the mean loss: off in all but name. */
  readonly off: number
  /** Below this share of the batch an effective sample size is too small while nothing is learnt. */
  readonly minEssRatio: number
  /** The same while little is learnt, for as many steps as the guard's patience: whether the model was trained before or not. */
  readonly minLastingEssRatio: number
  /** λ > 0: for so many steps in a row a smaller share than `minStalledEssRatio`, and little learnt by then: said, not edited. */
  readonly stalled: number
  readonly minStalledEssRatio: number
}

export const COLD_START: ColdStart = {
  below: 1,
  steps: 256,
  lag: 4,
  earliest: 8,
  patience: 3,
  factor: 64,
  off: 16,
  minEssRatio: 0.8,
  minLastingEssRatio: 0.6,
  stalled: 64,
  minStalledEssRatio: 0.3,
}

/**
 * Whether a run whose λ is on for the first time now starts cold.
 *
 * @param loss - The newest mean loss
 */
export function isCold(lambda: number, loss: number, first: Beginning, { below }: ColdStart): boolean {
  return isSmall(lambda, first.loss, below) && loss >= timesOf(first.early, LEARNT)
}

export interface SeenCold {
  /** As a share of the batch. */
  readonly ess: number
  readonly lambda: number
  /** The newest mean loss. */
  readonly loss: number
  readonly isUntrained: boolean
}

/**
 * Whether the samples draw apart before anything is learnt: the batch is not weighed evenly, and the mean loss has not fallen. Where the
 * model may have been trained before, and for λ > 0, which raises the loss of what is easy on purpose, it must have risen.
 */
export function drawsApart(
  { ess, lambda, loss, isUntrained }: SeenCold,
  first: Beginning,
  { minEssRatio }: ColdStart,
): boolean {
  const times = lambda < 0 && isUntrained ? LEARNT : WORSE
  return ess < minEssRatio && loss >= timesOf(first.early, times)
}

/**
 * Whether much less than the batch holds the weight. λ < 0: wrong labels that a trained model turns away from are seldom so many.
 * λ > 0 puts the weight on few samples on purpose: fewer are needed for a reason to look at what is learnt.
 */
export function isLopsided(
  ess: number,
  lambda: number,
  { minLastingEssRatio, minStalledEssRatio }: ColdStart,
): boolean {
  return ess < (lambda < 0 ? minLastingEssRatio : minStalledEssRatio)
}

/** @param loss - The mean over the newest steps */
export function hasLearntLittle(loss: number, { early }: Beginning): boolean {
  return loss >= timesOf(early, LITTLE)
}

/** By what |λ| is to be multiplied: a power of two. @param scale - Of the losses */
export function factorOf(lambda: number, scale: number, { factor, off }: ColdStart): number {
  const needed = 2 ** Math.ceil(Math.log2((off * scale) / Math.abs(lambda)))
  return Math.max(factor, Number.isFinite(needed) ? needed : 0)
}

/** Times the mean loss at first. */
const LEARNT = 0.95
const LITTLE = 0.8
const WORSE = 1.5
