/** All that a frame shows: the runs, the state of the user interface, size and time. */
import type { Action } from '../../record/record.js'
import { shownStatusOf, type RunState } from './feed/run-state.js'
import type { ShownStatus, Tone } from './status-text.js'
import type { SuspectsState } from './feed/sample-feed.js'
import type { Size } from './size.js'

export interface CockpitView {
  /** At least one. */
  readonly runs: readonly RunView[]
  readonly ui: UiState
  readonly size: Size
  /** UTC milliseconds. */
  readonly nowMs: number
  /** Whether Ctrl-C stops the run, because this command started it. Otherwise Ctrl-C leaves the cockpit. */
  readonly owned: boolean
}

export interface RunView {
  readonly state: RunState
  readonly suspects: SuspectsState
  /** The commands that show the run again, and that continue it. */
  readonly comeBack: string
  readonly resume: string
}

export interface UiState {
  /** Index of the selected run. */
  readonly selected: number
  readonly screen: 'run' | 'runs' | 'help' | 'metrics'
  /** Index of the chart that is shown large; undefined when all are shown. */
  readonly chart: number | undefined
  /** The metric of the chart of metrics; undefined for the metric of the objective. */
  readonly metric: string | undefined
  /** The list of metrics: the typed search, and the index of the chosen metric among those found. */
  readonly search: Search
  readonly logScale: boolean
  /** Whether the samples most likely labelled wrong are shown. */
  readonly suspects: boolean
  /** The question that waits for an answer. */
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

export function selectedStatus(view: CockpitView): ShownStatus {
  return shownStatusOf(selectedRun(view).state)
}
