/** Records of changes of controls while a run trains: edits by people and scripts, and decisions of feedback schedules. */
import type { Position } from './position.js'

/** The new course of a control. */
export type EditTo =
  /** A new schedule, which starts at the edit. Syntax: docs/schedules.md, "As text". */
  | { readonly kind: 'schedule'; readonly text: string }
  /** All later values are multiplied by `factor`: finite, above 0. */
  | { readonly kind: 'factor'; readonly factor: number }

/** The first step that an edit applies to. */
export type EditWhen =
  | { readonly kind: 'soon' }
  | { readonly kind: 'at'; readonly step: number }
  /** Number of steps after the current step. */
  | { readonly kind: 'after'; readonly steps: number }

export interface ControlEdit {
  readonly control: string
  readonly to: EditTo
  readonly when: EditWhen
}

/** A control was changed from a step on. The result of the request names the step at which the change took effect. */
export interface Edited {
  readonly type: 'edited'
  /** Id of the request. */
  readonly request: string
  readonly by: string
  /** Where the edit begins; a new schedule starts there. */
  readonly position: Position
  readonly control: string
  readonly to: EditTo
  /** The control's value at that step without the edit; NaN if the plan had none. */
  readonly before: number
  readonly after: number
}

/** A decision of a feedback schedule. */
export interface Decided {
  readonly type: 'decided'
  readonly control: string
  /** First step that the value is for. */
  readonly position: Position
  /** The control's value until the next decision. */
  readonly value: number
  /** The state of the schedule for its next decision, as JSON. */
  readonly stateJson: string
  /** The bound that limited the value: the smaller or the larger |value|. */
  readonly saturated?: 'min' | 'max'
  /** A message for people; empty for most decisions. */
  readonly mark: string
}

/** The facts about a run that an edit is checked against. */
export interface EditedRun {
  /** 0 when the data is a stream without length. */
  readonly stepsPerEpoch: number
  /** Steps of the whole run; 0 if it trains until it is stopped. */
  readonly runSteps: number
  /** Names of the controls in its plan. */
  readonly planned: readonly string[]
  /** Names of the optimizer's hyperparameters; also class_balance if the task has labels. */
  readonly optimizer: readonly string[]
}
