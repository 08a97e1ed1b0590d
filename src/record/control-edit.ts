/** What a log tells of controls that were changed while a run trained. */
import type { Position } from './position.js'

/** What becomes of a control. */
export type EditTo =
  /** What it follows from then on, from that schedule's own start: docs/schedules.md, "As text". */
  | { readonly kind: 'schedule'; readonly text: string }
  /** What everything that it would have been is multiplied by: finite, above 0. */
  | { readonly kind: 'factor'; readonly factor: number }

/** From which step on. */
export type EditWhen =
  | { readonly kind: 'soon' }
  | { readonly kind: 'at'; readonly step: number }
  /** So many steps from where the run stands. */
  | { readonly kind: 'after'; readonly steps: number }

export interface ControlEdit {
  readonly control: string
  readonly to: EditTo
  readonly when: EditWhen
}

/** A control is changed from a step on; the answer of the request tells the step at which that took effect. */
export interface Edited {
  readonly type: 'edited'
  /** Of the request that asked for it. */
  readonly request: string
  readonly by: string
  /** A schedule begins there. */
  readonly position: Position
  readonly control: string
  readonly to: EditTo
  /** At that step without the edit; NaN where the plan had none. */
  readonly before: number
  readonly after: number
}

/** What a feedback schedule said. */
export interface Decided {
  readonly type: 'decided'
  readonly control: string
  /** First step that the value is for. */
  readonly position: Position
  /** Until the next decision. */
  readonly value: number
  /** What the schedule remembers. */
  readonly stateJson: string
  /** Which bound held the value: the smaller or the larger |value|. */
  readonly saturated?: 'min' | 'max'
  /** What people should know of it; empty for most. */
  readonly mark: string
}

/** The run that is edited, as far as an edit is checked against it. */
export interface EditedRun {
  /** 0 when the data is a stream without length. */
  readonly stepsPerEpoch: number
  /** 0 when it trains until it is stopped. */
  readonly runSteps: number
  /** Names of what its plan holds. */
  readonly planned: readonly string[]
  /** Names of what the worker's optimizer has; and class_balance, where the task has labels. */
  readonly optimizer: readonly string[]
}
