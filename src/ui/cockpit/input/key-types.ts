/** The types of keys and of their actions. */
import type { Action } from '../../../record/record.js'
import type { CockpitView, Question, Search } from '../view.js'

export type KeyAction =
  | { readonly type: 'ask'; readonly action: Action }
  /** A question whose action is sent after the user confirms it. */
  | { readonly type: 'question'; readonly question: Question }
  | { readonly type: 'confirm' }
  | { readonly type: 'decline' }
  | { readonly type: 'leave' }
  | { readonly type: 'interrupt' }
  | { readonly type: 'suspend' }
  | { readonly type: 'screen'; readonly screen: 'run' | 'runs' | 'help' | 'metrics' }
  | { readonly type: 'select'; readonly by: number }
  | { readonly type: 'chart'; readonly chart: number | 'next' | 'none' }
  /** Without a name the chart keeps its metric. */
  | { readonly type: 'metric'; readonly name: string | undefined }
  | { readonly type: 'search'; readonly search: Search }
  | { readonly type: 'log-scale' }
  | { readonly type: 'suspects' }

export interface KeyBinding {
  /** Names of keys, as returned by `keyName`. */
  readonly keys: readonly string[]
  /** The name of the key for people. */
  readonly shown: string
  /** A label for the line of keys. Without it the key is not in that line. */
  readonly word?: string
  readonly description: string
  readonly action: (key: string, view: CockpitView) => KeyAction
  /** Whether the key does something in this view. @default always true */
  readonly when?: (view: CockpitView) => boolean
  /** Whether the key also works in a terminal that is too small, and in the list of metrics. @default false */
  readonly always?: true
}
