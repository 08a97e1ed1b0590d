/**
 * Figures that are derived from the statistics of a weighing. Every reader uses these functions, so that a figure is the same
 * wherever it is shown. Formulas: proto/README.md, "The rule of weights".
 *
 * There are two effective sample sizes (ESS). The one of the applied weights includes the class factor and is shown to people.
 * The one before the class factor is for rules that change lambda: they must not react to class balancing.
 */

/** Sums over the weights of one batch of n samples, as applied: with the class factor. NaN where they are not known. */
export interface WeightSums {
  /** Number of samples. */
  readonly n: number
  /** Σw. */
  readonly sumW: number
  /** Σw². */
  readonly sumW2: number
}

/** The statistics of one weighing from which its KL divergence follows. */
export interface DivergenceStatistics {
  /** log mean exp(loss/lambda); NaN where the batch was weighed evenly. */
  readonly m: number
  /** Σw. */
  readonly sumW: number
  /** Σw·loss, in units of loss. */
  readonly sumWL: number
  /** Unweighted mean loss, in units of loss. */
  readonly meanLoss: number
  /** lambda·log(normaliser) after the step, in units of loss. */
  readonly freeEnergy: number
}

/** Kish's effective sample size (Σw)²/Σw² of the applied weights, from 1 to n; NaN where all weights are too small for a float64. */
export function essOfAppliedWeights({ sumW, sumW2 }: Omit<WeightSums, 'n'>): number {
  return sumW ** 2 / sumW2
}

/** ESS of the applied weights, class factor included, over the batch size n: in (0, 1], or NaN like `essOfAppliedWeights`. */
export function essRatioOfAppliedWeights(sums: WeightSums): number {
  return essOfAppliedWeights(sums) / sums.n
}

/**
 * ESS of the weights before the class factor, over the batch size n: in (0, 1].
 *
 * @param essBeforeClassFactor - As the worker reports it; NaN or undefined where there is no class factor, and then the sums give it.
 */
export function essRatioBeforeClassFactor(sums: WeightSums, essBeforeClassFactor = NaN): number {
  return Number.isNaN(essBeforeClassFactor) ? essRatioOfAppliedWeights(sums) : essBeforeClassFactor / sums.n
}

/**
 * KL divergence of the normalised weights, before class factor and floor, from even weights: Σwℓ/(λΣw) − m, in nats, from 0 to
 * log n. It is 0 where the batch was weighed evenly.
 *
 * @param lambda - As applied at the step.
 * @param klBeforeClassFactor - As the worker reports it; NaN or undefined where there is no class factor, and then the statistics
 *   give it.
 */
export function klBeforeClassFactor(
  { m, sumW, sumWL, meanLoss, freeEnergy }: DivergenceStatistics,
  lambda: number,
  klBeforeClassFactor = NaN,
): number {
  if (Number.isNaN(m)) return 0
  if (!Number.isNaN(klBeforeClassFactor)) return Math.max(0, klBeforeClassFactor)
  // A floor adds 1/n to every weight, 1 to Σw. It was added where Σw is larger than the exponentials alone make it.
  const floor = sumW - Math.exp(m - freeEnergy / lambda) > 0.5 ? 1 : 0
  // Rounding can give a small negative number.
  return Math.max(0, (sumWL - floor * meanLoss) / (lambda * (sumW - floor)) - m)
}

/** Mean loss under the normalised weights, Σwℓ/Σw, in units of loss. */
export function weightedMeanLoss({ sumWL, sumW }: { readonly sumWL: number; readonly sumW: number }): number {
  return sumWL / sumW
}

/** lr·Σw: the learning rate that has the same effect on even weights. */
export function effectiveLearningRate(lr: number, sumW: number): number {
  return lr * sumW
}
