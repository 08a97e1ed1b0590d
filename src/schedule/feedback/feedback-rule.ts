/** What a feedback schedule is: a rule that looks back at reported steps and says what a control is to be from a step on. */

/** A step as it was reported: what a rule may look at, and nothing else. */
export interface ReportedStep {
  readonly step: number
  /** As applied; ±Infinity is off. */
  readonly lambda: number
  /** Every control as applied, by name. */
  readonly controls: Readonly<Record<string, number>>
  /** Samples of the batch. */
  readonly n: number
  /** Unweighted. */
  readonly meanLoss: number
  /** Effective sample size over n, in (0, 1]; before a class factor, where there is one. */
  readonly essRatio: number
  readonly sumW: number
  /** Σwℓ/Σw: the mean loss as the weights see it. */
  readonly weightedLoss: number
  /** Of the class with the most weight: its share of the weight, in [0, 1]; NaN without labels, and under a class factor. */
  readonly topClassMass: number
  /** Of the same class: its share of the batch's samples, in [0, 1]; NaN without labels. */
  readonly topClassShare: number
  /** Of every sample of the batch, unweighted; absent unless the rule asks for them, and where they were not recorded. */
  readonly losses?: Float32Array
  /** The task's own numbers of the step. */
  readonly metrics: Readonly<Record<string, number>>
  /** What evaluations right before this step found: `split.metric` → value. */
  readonly evaluation?: Readonly<Record<string, number>>
}

/**
 * A rule for one control. Pure: the same window and state give the same decision, so that a run is the same however late
 * its reports came.
 */
export interface FeedbackRule<State = unknown> {
  /** As people know it: "targetEss 0.6". */
  readonly name: string
  /** The value of step t depends on reports of steps ≤ t - lag alone. In steps, from 1. */
  readonly lag: number
  /** How many of those reports, the newest, are looked at. From 1. */
  readonly window: number
  /** Steps from one decision to the next; a value holds in between. From 1. */
  readonly every: number
  /** Whether it needs the losses of single samples. */
  readonly needsLosses: boolean
  /** The value until the first decision. */
  readonly initial: number
  /** Before the first decision. States are JSON values: they are kept in the log. */
  readonly start: State
  /**
   * @param window - Reports of the visible history with steps in (step - lag - window, step - lag], ascending; may be empty
   * @param state - What the decision before returned
   * @param step - The first step that the value is for
   */
  decide(window: readonly ReportedStep[], state: State, step: number): Decision<State>
}

export interface Decision<State = unknown> {
  readonly value: number
  readonly state: State
  /** Which bound held the value: the smaller or the larger |value|. */
  readonly saturated?: 'min' | 'max'
  /** For the ledger: what people should know of this decision, and of no other like it. */
  readonly mark?: string
}
