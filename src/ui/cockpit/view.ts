/** Everything that a frame is drawn from. */
import type { Action } from '../../record/record.js'
import { standingOf, type RunState } from './feed/run-state.js'
import type { Standing, Tone } from './status-text.js'
import type { SuspectsState } from './feed/sample-feed.js'
import type { Size } from './size.js'

export interface CockpitView {
  /** At least one. */
  readonly runs: readonly RunView[]
  readonly ui: UiState
  readonly size: Size
  /** UTC milliseconds. */
  readonly nowMs: number
  /** Whether Ctrl-C stops the run, as for the command that started it; else it leaves. */
  readonly owned: boolean
}

export interface RunView {
  readonly state: RunState
  readonly suspects: SuspectsState
  /** What to type to see the run again, and to go on with it. */
  readonly comeBack: string
  readonly resume: string
}

export interface UiState {
  /** Of the runs. */
  readonly selected: number
  readonly screen: 'run' | 'runs' | 'help' | 'metrics'
  /** The one chart that is shown large, from 0. */
  readonly chart: number | undefined
  /** The metric that its chart shows; undefined for that of the objective. */
  readonly metric: string | undefined
  /** In the list of metrics: what was typed, and which of those found is chosen. */
  readonly search: Search
  readonly logScale: boolean
  /** Whether the samples most likely labelled wrong are shown. */
  readonly suspects: boolean
  /** What waits for a yes. */
  readonly question: Question | undefined
  readonly message: Message | undefined
  /** How often Ctrl-C was pressed. */
  readonly interrupts: number
}

export interface Search {
  readonly text: string
  readonly cursor: number
}

export interface Question {
  readonly text: string
  /** At most 50 columns, for terminals in which the text does not fit. */
  readonly short: string
  readonly action: Action
}

export interface Message {
  readonly text: string
  readonly tone: Tone
  /** UTC milliseconds. */
  readonly untilMs: number
}

export function initialUi(): UiState {
  return {
    selected: 0,
    screen: 'run',
    chart: undefined,
    metric: undefined,
    search: NO_SEARCH,
    logScale: false,
    suspects: false,
    question: undefined,
    message: undefined,
    interrupts: 0,
  }
}

export const NO_SEARCH: Search = { text: '', cursor: 0 }

export function selectedRun({ runs, ui }: CockpitView): RunView {
  return runs[ui.selected] ?? runs[0]!
}

export function selectedStanding(view: CockpitView): Standing {
  return standingOf(selectedRun(view).state)
}
