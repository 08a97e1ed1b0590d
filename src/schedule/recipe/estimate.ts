/**
 * Estimates the share of wrong labels from the losses of a model that lambda has not changed yet. The same as
 * `absgd_worker/recipes/estimate.py`.
 *
 * A model that has learnt what most labels agree on gives a wrong label less probability than a model that has learnt nothing: its loss
 * is above that of the first steps. Labels that are wrong in the same way in a whole class look like hard samples instead, and are not
 * counted.
 */
import { meanEasyLoss, shareAbove, type Losses } from './spread.js'
import { percent, shown } from './words.js'

export interface Estimate {
  /** Undefined: it cannot be told, or is no larger than that of hard samples with right labels. */
  readonly share?: number
  readonly why: string
}

/**
 * The share of wrong labels.
 *
 * @param batches - Usable ones
 * @param first - The mean loss of the first steps
 */
export function estimateShare(batches: readonly Losses[], first: number): Estimate {
  if (meanEasyLoss(batches) > EASY * first)
    return { why: `no tenth of them has a loss below ${shown(EASY * first)}, too few to tell wrong labels` }
  const above = shareAbove(batches, first)
  const found =
    `${percent(above.mean)} ± ${percent(1.96 * above.error)} of the samples have a loss above ${shown(first)}, ` +
    'the mean of the first steps'
  if (above.mean < LEAST) return { why: `${found}, no more than hard samples with right labels may be` }
  return { share: Math.min(MOST, above.mean), why: found }
}

const EASY = 0.5
/** Without a wrong label, 6 to 9 % of Fashion-MNIST were above the limit. */
const LEAST = 0.1
const MOST = 0.55
