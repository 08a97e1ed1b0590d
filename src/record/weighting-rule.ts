/** The rule by which a run weighs samples. Formulas: proto/README.md, "The rule of weights". */

export type WeightingRule =
  /** Bias-corrected, carried over changes of lambda, capped. */
  | { readonly preset: 'default' }
  /** The paper's Algorithm 1: nothing carried over, nothing capped. */
  | { readonly preset: 'paper' }
  /** The recurrence of the authors' code: from 0, lambda off from 200 on. */
  | {
      readonly preset: 'reference'
      /** Finite, above 0: the factor of every new batch's mean, so that the weights sum to 1/alpha in the end. */
      readonly alpha: number
      /** Whether 1/n is added to every weight, as for noisy labels. */
      readonly floor: boolean
    }

export const DEFAULT_WEIGHTING: WeightingRule = { preset: 'default' }

/** `default`, `paper`, `reference, alpha 0.5, floor`. */
export function weightingInWords(rule: WeightingRule): string {
  if (rule.preset !== 'reference') return rule.preset
  return `reference, alpha ${rule.alpha}${rule.floor ? ', floor' : ''}`
}
