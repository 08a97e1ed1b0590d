/** The state of a person's way through a review, by keys. */
import type { Decision, ReviewRow } from './read-review.js'

export interface Reviewing {
  readonly rows: readonly ReviewRow[]
  /** Position in `rows` of the sample that is shown. */
  readonly at: number
  /** Decisions that `u` takes back, the latest last. */
  readonly undo: readonly { readonly at: number; readonly before: Decision }[]
  /** The digits of the new label typed so far; undefined unless it is asked for. */
  readonly typed: string | undefined
}

/** Begins at the first row without an action. */
export function beginReviewing(rows: readonly ReviewRow[]): Reviewing {
  const open = rows.findIndex(({ decision }) => decision.type === 'open')
  return { rows, at: Math.max(0, open), undo: [], typed: undefined }
}

/** The state after a key: a letter, digit, or `left`, `right`, `enter`, `escape`, `backspace`. Other keys change nothing. */
export function afterKey(state: Reviewing, key: string): Reviewing {
  const { rows, at, undo, typed } = state
  if (typed !== undefined) return afterTyped(state, typed, key)
  switch (key) {
    case 'k':
      return decided(state, { type: 'keep' })
    case 'd':
      return decided(state, { type: 'drop' })
    case 'r':
      return { ...state, typed: '' }
    case 'left':
      return { ...state, at: Math.max(0, at - 1) }
    case 'right':
      return { ...state, at: Math.min(rows.length - 1, at + 1) }
    case 'u': {
      const last = undo.at(-1)
      if (last === undefined) return state
      const restored = rows.with(last.at, { ...rows[last.at]!, decision: last.before })
      return { ...state, rows: restored, at: last.at, undo: undo.slice(0, -1) }
    }
    default:
      return state
  }
}

/** The labels that occur in the review, ascending. */
export function labelsOf(rows: readonly ReviewRow[]): number[] {
  const labels = rows.flatMap(({ label, decision }) => [
    ...(label === undefined ? [] : [label]),
    ...(decision.type === 'relabel' ? [decision.label] : []),
  ])
  return [...new Set(labels)].sort((a, b) => a - b)
}

function afterTyped(state: Reviewing, typed: string, key: string): Reviewing {
  if (/^\d$/.test(key) && typed.length < LONGEST_LABEL) return { ...state, typed: typed + key }
  if (key === 'backspace') return { ...state, typed: typed.slice(0, -1) }
  if (key === 'escape') return { ...state, typed: undefined }
  if (key !== 'enter' || typed === '') return state
  return decided({ ...state, typed: undefined }, { type: 'relabel', label: Number(typed) })
}

function decided(state: Reviewing, decision: Decision): Reviewing {
  const { rows, at, undo } = state
  const row = rows[at]!
  return {
    ...state,
    rows: rows.with(at, { ...row, decision }),
    at: Math.min(rows.length - 1, at + 1),
    undo: [...undo, { at, before: row.decision }],
  }
}

const LONGEST_LABEL = 9
