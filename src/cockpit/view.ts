/** Everything that a frame is drawn from. */
import type { Action } from '../record/record.js'
import { standingOf, type RunState, type Standing, type Tone } from './run-state.js'
import type { SuspectsState } from './sample-feed.js'

export interface CockpitView {
  /** At least one. */
  readonly runs: readonly RunView[]
  readonly ui: UiState
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
  readonly screen: 'run' | 'runs' | 'help'
  /** The one chart that is shown large, from 0. */
  readonly chart: number | undefined
  readonly logScale: boolean
  /** Whether the samples most likely labelled wrong are shown. */
  readonly suspects: boolean
  /** What waits for a yes. */
  readonly question: Question | undefined
  readonly message: Message | undefined
  /** How often Ctrl-C was pressed. */
  readonly interrupts: number
}

export interface Question {
  readonly text: string
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
    logScale: false,
    suspects: false,
    question: undefined,
    message: undefined,
    interrupts: 0,
  }
}

export function selectedRun({ runs, ui }: CockpitView): RunView {
  return runs[ui.selected] ?? runs[0]!
}

export function selectedStanding(view: CockpitView): Standing {
  return standingOf(selectedRun(view).state)
}
