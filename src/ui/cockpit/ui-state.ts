/** How keys and answers change the state of the user interface. The cockpit itself sends requests, leaves and interrupts. */
import { actionInWords } from '../text/wording.js'
import { formatCount } from '../text/format.js'
import type { Action, RequestResult } from '../../record/record.js'
import type { KeyAction } from './input/key-types.js'
import { CHARTS, METRIC_CHART } from './panels/chart-specs.js'
import { NO_SEARCH, type Message, type UiState } from './view.js'

export interface UiContext {
  readonly runs: number
  readonly nowMs: number
}

export function withKey(ui: UiState, action: KeyAction, { runs, nowMs }: UiContext): UiState {
  switch (action.type) {
    case 'ask':
      return { ...ui, message: pendingMessage(action.action) }
    case 'question':
      return { ...ui, question: action.question, message: undefined }
    case 'confirm':
      if (ui.question === undefined) return ui
      return { ...ui, question: undefined, message: pendingMessage(ui.question.action) }
    case 'decline':
      return { ...ui, question: undefined, message: messageFor('not asked: the run goes on', 'plain', nowMs) }
    case 'screen':
      return { ...ui, screen: action.screen, search: NO_SEARCH }
    case 'select':
      return { ...ui, selected: (ui.selected + action.by + runs) % runs, question: undefined }
    case 'chart':
      return { ...ui, screen: 'run', suspects: false, chart: chartAfter(ui.chart, action.chart) }
    case 'metric': {
      const chart = ui.chart === undefined ? undefined : METRIC_CHART
      return { ...ui, screen: 'run', suspects: false, chart, metric: action.name ?? ui.metric }
    }
    case 'search':
      return { ...ui, search: action.search }
    case 'suspects':
      return { ...ui, screen: 'run', suspects: !ui.suspects }
    case 'log-scale':
      return { ...ui, logScale: !ui.logScale }
    case 'interrupt':
      return { ...ui, interrupts: ui.interrupts + 1, question: undefined }
    case 'leave':
    case 'suspend':
      return ui
    default:
      return action satisfies never
  }
}

/** The state after the answer to a request. */
export function withAnswer(
  ui: UiState,
  action: Action,
  { ok, step, message }: Pick<RequestResult, 'ok' | 'step' | 'message'>,
  nowMs: number,
): UiState {
  const after = `after ${formatCount(step)} ${step === 1 ? 'step' : 'steps'}`
  const text = ok
    ? `${message === '' ? `done: ${actionInWords(action)}` : message}, ${after}`
    : `refused: ${actionInWords(action)}${message === '' ? '' : `: ${message}`}`
  return { ...ui, message: messageFor(text, ok ? 'good' : 'bad', nowMs) }
}

/** The state after a request that was not answered. */
export function withFailure(ui: UiState, message: string, nowMs: number): UiState {
  return { ...ui, message: messageFor(message, 'bad', nowMs) }
}

function chartAfter(current: number | undefined, asked: number | 'next' | 'none'): number | undefined {
  if (asked === 'none') return undefined
  if (asked !== 'next') return asked === current ? undefined : asked
  const next = current === undefined ? 0 : current + 1
  return next < CHARTS.length ? next : undefined
}

/** A message that stays until the request is answered. */
function pendingMessage(action: Action): Message {
  return { text: `asked: ${actionInWords(action)}`, tone: 'plain', untilMs: Infinity }
}

function messageFor(text: string, tone: Message['tone'], nowMs: number): Message {
  return { text, tone, untilMs: nowMs + SHOWN_MS }
}

const SHOWN_MS = 6000
