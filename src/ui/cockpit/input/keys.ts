/** The table of keys: their actions, and their descriptions for the help. */
import type { KeyAction, KeyBinding } from './key-types.js'
import { metricNames, shownMetric } from '../metrics.js'
import { CHARTS } from '../panels/chart-specs.js'
import { questionLines } from './questions.js'
import { SEARCH_KEYS, typed } from './search-keys.js'
import { isTooSmall } from '../size.js'
import { selectedRun, selectedStatus, type CockpitView } from '../view.js'

export type { KeyAction, KeyBinding } from './key-types.js'

const driven = (view: CockpitView) => {
  const status = selectedStatus(view)
  return status.type === 'no-worker' || (status.type === 'working' && status.phase !== 'ending')
}
const ended = (view: CockpitView) => ['ended', 'no-controller'].includes(selectedStatus(view).type)
const severalMetrics = (view: CockpitView) => metricNames(selectedRun(view).state).length > 1
const several = (view: CockpitView) => view.runs.length > 1
const paused = (view: CockpitView) => {
  const status = selectedStatus(view)
  return status.type === 'working' && status.phase === 'paused'
}
const fixed = (action: KeyAction) => () => action

export const KEYS: readonly KeyBinding[] = [
  {
    keys: ['p', 'space'],
    shown: 'p',
    word: 'resume',
    description: 'continue a paused run',
    action: fixed({ type: 'ask', action: { type: 'resume' } }),
    when: (view) => driven(view) && paused(view),
  },
  {
    keys: ['p', 'space'],
    shown: 'p',
    word: 'pause',
    description: 'pause before the next step',
    action: fixed({ type: 'ask', action: { type: 'pause' } }),
    when: (view) => driven(view) && !paused(view),
  },
  {
    keys: ['c'],
    shown: 'c',
    word: 'checkpoint',
    description: 'write a checkpoint at the next step',
    action: fixed({ type: 'ask', action: { type: 'checkpoint' } }),
    when: driven,
  },
  {
    keys: ['s'],
    shown: 's',
    word: 'stop',
    description: 'write a checkpoint and stop the run; asks first',
    action: fixed({
      type: 'question',
      question: {
        text: 'checkpoint and stop this run? y stops it, any other key does not',
        short: 'checkpoint and stop this run? y/n',
        action: { type: 'stop', checkpoint: true },
      },
    }),
    when: driven,
  },
  {
    keys: ['q'],
    shown: 'q',
    word: 'leave',
    description: 'leave the cockpit; the run continues',
    action: fixed({ type: 'leave' }),
    always: true,
  },
  {
    keys: ['return'],
    shown: 'Enter',
    description: 'leave after the end of the run; in the list of runs, show the chosen one',
    action: (_key, view) =>
      view.ui.screen === 'run' ? { type: 'leave' } : { type: 'screen', screen: 'run' },
    when: (view) => view.ui.screen !== 'run' || ended(view),
  },
  {
    keys: ['tab'],
    shown: 'Tab',
    word: 'charts',
    description: 'show one chart large, then the next, then all of them',
    action: fixed({ type: 'chart', chart: 'next' }),
  },
  {
    keys: CHARTS.map((_, i) => String(i + 1)),
    shown: `1-${CHARTS.length}`,
    description: `show one chart large: ${CHARTS.map((name, i) => `${i + 1} ${name}`).join(', ')}`,
    action: (key) => ({ type: 'chart', chart: Number(key) - 1 }),
  },
  {
    keys: ['m'],
    shown: 'm',
    word: 'metric',
    description: 'show the next metric in the chart of metrics',
    action: (_key, view) => ({ type: 'metric', name: neighbour(view, 1) }),
    when: severalMetrics,
  },
  {
    keys: ['M'],
    shown: 'M',
    description: 'show the previous metric',
    action: (_key, view) => ({ type: 'metric', name: neighbour(view, -1) }),
    when: severalMetrics,
  },
  {
    keys: ['/'],
    shown: '/',
    description: 'list all metrics, search among them and choose one',
    action: fixed({ type: 'screen', screen: 'metrics' }),
    when: severalMetrics,
  },
  {
    keys: ['x'],
    shown: 'x',
    word: 'suspects',
    description: 'show or hide the samples that are most likely labelled wrong',
    action: fixed({ type: 'suspects' }),
  },
  {
    keys: ['l'],
    shown: 'l',
    description: 'turn the logarithmic scale of the loss on or off',
    action: fixed({ type: 'log-scale' }),
  },
  {
    keys: ['right', 'down', 'j', ']'],
    shown: ']',
    word: 'next run',
    description: 'the next run (also j and the arrow keys)',
    action: fixed({ type: 'select', by: 1 }),
    when: several,
  },
  {
    keys: ['left', 'up', 'k', '['],
    shown: '[',
    description: 'the previous run (also k and the arrow keys)',
    action: fixed({ type: 'select', by: -1 }),
    when: several,
  },
  {
    keys: ['r'],
    shown: 'r',
    word: 'runs',
    description: 'show or hide the list of runs',
    action: (_key, view) => ({ type: 'screen', screen: view.ui.screen === 'runs' ? 'run' : 'runs' }),
    when: several,
  },
  {
    keys: ['?', 'h'],
    shown: '?',
    word: 'help',
    description: 'show or hide this help',
    action: (_key, view) => ({ type: 'screen', screen: view.ui.screen === 'help' ? 'run' : 'help' }),
  },
  {
    keys: ['escape'],
    shown: 'Esc',
    description: 'back to all charts of the run',
    action: (_key, view) =>
      view.ui.screen === 'run' ? { type: 'chart', chart: 'none' } : { type: 'screen', screen: 'run' },
  },
  {
    keys: ['ctrl-c'],
    shown: 'Ctrl-C',
    description: 'write a checkpoint and stop the run; a second time ends it at once',
    action: fixed({ type: 'interrupt' }),
    when: (view) => view.owned && !ended(view),
    always: true,
  },
  {
    keys: ['ctrl-c'],
    shown: 'Ctrl-C',
    description: 'leave the cockpit',
    action: fixed({ type: 'leave' }),
    when: (view) => !view.owned || ended(view),
    always: true,
  },
  {
    keys: ['ctrl-z'],
    shown: 'Ctrl-Z',
    description: 'return to the shell; "fg" shows the cockpit again, and the run continues',
    action: fixed({ type: 'suspend' }),
    always: true,
  },
]

/** The action of a key in the current view; undefined if it has none. */
export function actionOf(key: string, view: CockpitView): KeyAction | undefined {
  const { question, screen } = view.ui
  // A question can be answered only while it is on the screen.
  if (question !== undefined && !key.startsWith('ctrl-') && questionLines(question, view.size).length > 0) {
    return { type: key === 'y' ? 'confirm' : 'decline' }
  }
  const binding = bindings(view).find(({ keys }) => keys.includes(key))
  if (binding !== undefined) return binding.action(key, view)
  return screen === 'metrics' && !isTooSmall(view.size) ? typed(key, view) : undefined
}

/** The keys that have an action in the current view. */
export function bindings(view: CockpitView): readonly KeyBinding[] {
  const active = KEYS.filter(({ when }) => when?.(view) ?? true)
  if (isTooSmall(view.size)) return active.filter(({ always }) => always)
  if (view.ui.screen !== 'metrics') return active
  // In the list of metrics, letters are typed into the search.
  return [
    ...SEARCH_KEYS,
    ...active.filter(({ always, keys }) => always && keys.every((key) => key.length > 1)),
  ]
}

/** The metric after or before the current one; after the last comes the first. */
function neighbour(view: CockpitView, by: number): string | undefined {
  const { state } = selectedRun(view)
  const names = metricNames(state)
  const at = names.indexOf(shownMetric(state, view.ui.metric)?.name ?? '')
  return names.at((at + by) % names.length)
}

/** The part of ink's description of a key that is used. */
export interface PressedKey {
  readonly upArrow: boolean
  readonly downArrow: boolean
  readonly leftArrow: boolean
  readonly rightArrow: boolean
  readonly return: boolean
  readonly escape: boolean
  readonly tab: boolean
  readonly backspace: boolean
  readonly delete: boolean
  readonly ctrl: boolean
  readonly meta: boolean
}

/** The names of the keys in a piece of input. A longer piece than a person types at once was pasted, and is ignored. */
export function keyNames(input: string, key: PressedKey): readonly string[] {
  if (key.ctrl) return [`ctrl-${input}`]
  if (key.upArrow) return ['up']
  if (key.downArrow) return ['down']
  if (key.leftArrow) return ['left']
  if (key.rightArrow) return ['right']
  if (key.return) return ['return']
  if (key.escape) return ['escape']
  if (key.tab) return ['tab']
  // Terminals send ink's "delete" for the backspace key.
  if (key.backspace || key.delete) return ['backspace']
  const typed = [...input]
  if (key.meta || typed.length > TYPED_AT_ONCE) return []
  return typed.map((character) => NAMES[character] ?? character)
}

/** Most characters of a piece of input that a person typed: a fast typist, or a slow machine. */
const NAMES: Readonly<Record<string, string>> = {
  ' ': 'space',
  '\r': 'return',
  '\n': 'return',
  '\t': 'tab',
  '\x03': 'ctrl-c',
  '\x1a': 'ctrl-z',
  '\x7f': 'backspace',
}
const TYPED_AT_ONCE = 4
