/** What keys do, and how they are told. */
import type { Action } from '../../../record/record.js'
import type { CockpitView, Question, Search } from '../view.js'

export type KeyAction =
  | { readonly type: 'ask'; readonly action: Action }
  /** Asked only once it is confirmed. */
  | { readonly type: 'question'; readonly question: Question }
  | { readonly type: 'confirm' }
  | { readonly type: 'decline' }
  | { readonly type: 'leave' }
  | { readonly type: 'interrupt' }
  | { readonly type: 'suspend' }
  | { readonly type: 'screen'; readonly screen: 'run' | 'runs' | 'help' | 'metrics' }
  | { readonly type: 'select'; readonly by: number }
  | { readonly type: 'chart'; readonly chart: number | 'next' | 'none' }
  /** Without a name the chart stays as it is. */
  | { readonly type: 'metric'; readonly name: string | undefined }
  | { readonly type: 'search'; readonly search: Search }
  | { readonly type: 'log-scale' }
  | { readonly type: 'suspects' }

export interface KeyBinding {
  /** Names as `keyName` gives them. */
  readonly keys: readonly string[]
  /** As people are told. */
  readonly shown: string
  /** A word for the line of keys; left out of it without one. */
  readonly word?: string
  readonly description: string
  readonly action: (key: string, view: CockpitView) => KeyAction
  /** Where it does something. @default everywhere */
  readonly when?: (view: CockpitView) => boolean
  /** Whether it does something where the panels do not fit, and in the list of metrics. @default false */
  readonly always?: true
}
