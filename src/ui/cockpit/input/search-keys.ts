/** The keys of the list of metrics. Typed characters are a search. */
import type { KeyBinding } from './key-types.js'
import { matching, metricNames } from '../metrics.js'
import { selectedRun, type CockpitView } from '../view.js'

export const SEARCH_KEYS: readonly KeyBinding[] = [
  {
    keys: ['return'],
    shown: 'Enter',
    word: 'show it',
    description: 'show the metric chosen in the chart',
    action: (_key, view) => ({ type: 'metric', name: foundMetrics(view)[view.ui.search.cursor] }),
  },
  {
    keys: ['down', 'tab'],
    shown: 'Down',
    word: 'next',
    description: 'the next metric',
    action: (_key, view) => moved(view, 1),
  },
  {
    keys: ['up'],
    shown: 'Up',
    description: 'the metric before',
    action: (_key, view) => moved(view, -1),
  },
  {
    keys: ['backspace'],
    shown: 'Backspace',
    description: 'take a letter of the search back',
    action: (_key, view) => ({
      type: 'search',
      search: { text: [...view.ui.search.text].slice(0, -1).join(''), cursor: 0 },
    }),
  },
  {
    keys: ['escape'],
    shown: 'Esc',
    word: 'back',
    description: 'back to the run',
    action: () => ({ type: 'screen', screen: 'run' }),
  },
]

/** Any other character is added to the search. */
export function typed(key: string, { ui: { search } }: CockpitView) {
  const character = key === 'space' ? ' ' : key
  if ([...character].length !== 1) return undefined
  return { type: 'search', search: { text: search.text + character, cursor: 0 } } as const
}

/** The metrics that match the search, in the order of the list. */
export function foundMetrics(view: CockpitView): readonly string[] {
  return matching(metricNames(selectedRun(view).state), view.ui.search.text)
}

function moved(view: CockpitView, by: number) {
  const { text, cursor } = view.ui.search
  const count = Math.max(1, foundMetrics(view).length)
  return { type: 'search', search: { text, cursor: (cursor + by + count) % count } } as const
}
