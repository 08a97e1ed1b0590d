/** Estimates of shares from reviewed samples. */

/** A share in [0, 1] with a 95 % interval. */
export interface Share {
  readonly value: number
  readonly low: number
  readonly high: number
}

/** Samples that were judged, of all samples that they stand for. */
export interface Counted {
  /** Number of wrong ones among the judged. */
  readonly wrong: number
  /** Number of judged samples, up to `size`. */
  readonly judged: number
  /** Number of samples that they were drawn from. */
  readonly size: number
}

/**
 * The share of wrong ones among all `size` samples, with the score interval of Wilson (1927): for k wrong ones of n,
 *
 *   (k + z²/2 ± z √(k(n−k)/n + z²/4)) / (n + z²),   z = 1.96,
 *
 * where n is multiplied by (size − 1)/(size − judged), since samples are drawn without replacement: if all are judged, nothing is
 * uncertain. Neither end goes beyond what the judged ones alone prove. Undefined if none was judged.
 *
 * Sources: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", J. Am. Stat. Assoc. 22 (1927) 209–212;
 * finite population: W. G. Cochran, Sampling Techniques, 3rd ed. (1977), sections 2.6 and 3.2.
 */
export function shareOf({ wrong, judged, size }: Counted): Share | undefined {
  if (judged === 0) return undefined
  const value = wrong / judged
  if (judged >= size) return { value, low: value, high: value }
  const n = (judged * (size - 1)) / (size - judged)
  const k = value * n
  const middle = (k + Z ** 2 / 2) / (n + Z ** 2)
  const half = (Z * Math.sqrt((k * (n - k)) / n + Z ** 2 / 4)) / (n + Z ** 2)
  return {
    value,
    low: Math.max(wrong / size, middle - half, 0),
    high: Math.min((size - (judged - wrong)) / size, middle + half, 1),
  }
}

/**
 * The share over several strata: Σ Wₕ pₕ with Wₕ the part of stratum h in all samples. Its interval recovers the variances from the
 * intervals (lₕ, uₕ) of the strata, which stay right where counts are small:
 *
 *   low = p − √Σ Wₕ² (pₕ − lₕ)²,   high = p + √Σ Wₕ² (uₕ − pₕ)².
 *
 * Undefined if a stratum that has samples has none judged.
 *
 * Source: G. Y. Zou and A. Donner, "Construction of confidence intervals about effect measures: a general approach", Statistics in
 * Medicine 27 (2008) 1693–1702.
 */
export function stratifiedShare(strata: readonly Counted[]): Share | undefined {
  const all = strata.reduce((sum, { size }) => sum + size, 0)
  let value = 0
  let below = 0
  let above = 0
  for (const stratum of strata) {
    if (stratum.size === 0) continue
    const share = shareOf(stratum)
    if (share === undefined) return undefined
    const part = stratum.size / all
    value += part * share.value
    below += (part * (share.value - share.low)) ** 2
    above += (part * (share.high - share.value)) ** 2
  }
  if (all === 0) return undefined
  return {
    value,
    low: Math.max(0, value - Math.sqrt(below)),
    high: Math.min(1, value + Math.sqrt(above)),
  }
}

/** The 97.5 % quantile of the normal distribution. */
const Z = 1.959963984540054
