/**
 * The spread of the losses of batches, and the lambda at which their weights have an effective sample size. The same arithmetic in the
 * same order as `absgd_worker/recipes/spread.py`.
 */

/** Unweighted losses of the samples of a step, [B]. */
export type Losses = ArrayLike<number> & Iterable<number>

/** Whether a batch counts: two samples or more, and all losses finite. */
export function isUsable(losses: Losses): boolean {
  return losses.length >= 2 && Array.from(losses).every(Number.isFinite)
}

/** The mean of a batch, and its standard deviation (divided by B). */
export function meanAndDeviation(losses: Losses): { readonly mean: number; readonly deviation: number } {
  let sum = 0
  for (const loss of losses) sum += loss
  const mean = sum / losses.length
  let squares = 0
  for (const loss of losses) squares += (loss - mean) * (loss - mean)
  return { mean, deviation: Math.sqrt(squares / losses.length) }
}

/** ESS/B of the weights softmax(losses/lambda), in [1/B, 1], for lambda other than 0. */
export function essRatio(losses: Losses, lambda: number): number {
  const pivot = lambda > 0 ? largest(losses) : smallest(losses)
  let [total, squares] = [0, 0]
  for (const loss of losses) {
    const weight = Math.exp((loss - pivot) / lambda)
    total += weight
    squares += weight * weight
  }
  return (total * total) / squares / losses.length
}

/** The mean over batches. */
export function meanEssRatio(batches: readonly Losses[], lambda: number): number {
  let sum = 0
  for (const losses of batches) sum += essRatio(losses, lambda)
  return sum / batches.length
}

/** A share of samples: its mean over batches, and the standard error of that mean. */
export interface Share {
  readonly mean: number
  readonly error: number
}

/** Of the shares of two batches or more. */
function shareOf(shares: readonly number[]): Share {
  const { mean, deviation } = meanAndDeviation(shares)
  return { mean, error: deviation / Math.sqrt(Math.max(1, shares.length - 1)) }
}

/** The share of samples whose loss is above a limit. */
export function shareAbove(batches: readonly Losses[], limit: number): Share {
  return shareOf(
    batches.map((losses) => Array.from(losses).filter((loss) => loss > limit).length / losses.length),
  )
}

/** The loss below which a tenth of a batch lies; the mean over batches. */
export function meanEasyLoss(batches: readonly Losses[]): number {
  let sum = 0
  for (const losses of batches)
    sum += Array.from(losses).sort((a, b) => a - b)[Math.floor(losses.length / 10)]!
  return sum / batches.length
}

/** 1 - ESS/B. If lambda leaves some samples without weight and changes no other, it is their share. */
export function shareTurnedAway(batches: readonly Losses[], lambda: number): Share {
  return shareOf(batches.map((losses) => 1 - essRatio(losses, lambda)))
}

/**
 * The lambda of this sign at which the mean ESS ratio of usable batches is `ratio`, by bisection. The ratio does not fall as |lambda|
 * grows. Undefined: no lambda has that ratio, because losses are equal.
 */
export function solveLambda(batches: readonly Losses[], ratio: number, sign: 1 | -1): number | undefined {
  let widest = 0
  for (const losses of batches) widest = Math.max(widest, largest(losses) - smallest(losses))
  if (widest === 0) return undefined
  let [low, high] = [widest / REACH, widest * REACH]
  if (meanEssRatio(batches, sign * low) > ratio) return undefined
  while (high / low > 1 + PRECISION) {
    const middle = Math.sqrt(low) * Math.sqrt(high)
    if (meanEssRatio(batches, sign * middle) < ratio) low = middle
    else high = middle
  }
  return sign * high
}

function largest(losses: Losses): number {
  let found = -Infinity
  for (const loss of losses) found = Math.max(found, loss)
  return found
}

function smallest(losses: Losses): number {
  let found = Infinity
  for (const loss of losses) found = Math.min(found, loss)
  return found
}

/** Factor between the bounds of |lambda| and the largest range of losses in a batch. */
const REACH = 1e3
/** Relative precision of lambda, of which two digits are used. */
const PRECISION = 1e-5
