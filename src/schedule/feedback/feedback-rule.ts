/** The interface of a feedback schedule: a rule that computes the value of a control from reported steps. */

/** A reported step: the only input of a rule, besides its state. */
export interface ReportedStep {
  readonly step: number
  /** Lambda as applied, in units of loss; ±Infinity is off. */
  readonly lambda: number
  /** All controls as applied, by name. */
  readonly controls: Readonly<Record<string, number>>
  /** Number of samples of the batch. */
  readonly n: number
  /** Unweighted mean loss of the batch. */
  readonly meanLoss: number
  /** Effective sample size of the weights before the class factor, over n: in (0, 1]. */
  readonly essRatio: number
  readonly sumW: number
  /** Mean loss under the normalised weights, Σwℓ/Σw. */
  readonly weightedLoss: number
  /** Share of the weight on the class with the most weight, in [0, 1]; NaN without labels, and under a class factor. */
  readonly topClassMass: number
  /** Share of the samples that have that class, in [0, 1]; NaN without labels. */
  readonly topClassShare: number
  /** [n], unweighted losses of the samples; absent unless the rule asks for them and they were recorded. */
  readonly losses?: Float32Array
  /** Numbers that the task logged at the step. */
  readonly metrics: Readonly<Record<string, number>>
  /** Results of the evaluations right before this step: `split.metric` → value. */
  readonly evaluation?: Readonly<Record<string, number>>
}

/**
 * A rule for one control. It is pure: the same window and state give the same decision, so that a run does not depend on when its
 * reports arrive.
 */
export interface FeedbackRule<State = unknown> {
  /** Name in messages: "targetEss 0.6". */
  readonly name: string
  /** The value of step t depends only on reports of steps ≤ t - lag. In steps, from 1. */
  readonly lag: number
  /** How many of the newest of those reports the rule gets. From 1. */
  readonly window: number
  /** A shorter run is refused before it trains. @default 0 */
  readonly leastSteps?: number
  /** Steps from one decision to the next; the value is constant in between. From 1. */
  readonly every: number
  /** Whether it needs the losses of single samples. */
  readonly needsLosses: boolean
  /** The value until the first decision. */
  readonly initial: number
  /** State before the first decision. States are JSON values, as they are written to the log. */
  readonly start: State
  /**
   * @param window - Reports of the visible history with steps in (step - lag - window, step - lag], ascending; may be empty
   * @param state - The state that the previous decision returned
   * @param step - The first step that the value applies to
   * @param runSteps - Steps of the whole run; 0 if it trains until it is stopped. @default 0
   */
  decide(window: readonly ReportedStep[], state: State, step: number, runSteps?: number): Decision<State>
  /**
   * Whether the rule decides nothing any more: the value of its last decision stays, and the rest of the run can be planned. Without
   * this function a rule decides until its end.
   */
  isDone?(state: State): boolean
}

export interface Decision<State = unknown> {
  readonly value: number
  readonly state: State
  /** The bound that limited the value: the smaller or the larger |value|. */
  readonly saturated?: 'min' | 'max'
  /** A message for the ledger, if this decision differs from the ones before in a way that people should know. */
  readonly mark?: string
  /** The rest of the control becomes this schedule, by an edit. */
  readonly edit?: RuleEdit
}

/** An edit of a rule: a schedule as text, which begins at the step of the decision. */
export interface RuleEdit {
  /** Who edits, in the ledger. */
  readonly by: string
  readonly text: string
  readonly why: string
}
