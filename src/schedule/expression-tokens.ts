/** Splits the text of a schedule into words, numbers and signs. */
import { AbsgdError } from '../errors.js'

export interface Token {
  readonly kind: 'number' | 'name' | 'sign' | 'end'
  readonly text: string
  /** Number of characters before the token. */
  readonly at: number
}

/** @throws AbsgdError 'usage' for a character that cannot occur in a schedule */
export function tokensOf(text: string): readonly Token[] {
  const tokens: Token[] = []
  for (let at = 0; at < text.length;) {
    const rest = text.slice(at)
    const space = /^\s+/.exec(rest)?.[0]
    if (space !== undefined) {
      at += space.length
      continue
    }
    const found = PATTERNS.map(([kind, pattern]) => ({ kind, text: pattern.exec(rest)?.[0] })).find(
      ({ text: word }) => word !== undefined,
    )
    if (found?.text === undefined) throw misread(text, at, 'a number, a name or one of ( ) , = . [ ]')
    tokens.push({ kind: found.kind, text: found.text, at })
    at += found.text.length
  }
  return [...tokens, { kind: 'end', text: '', at: text.length }]
}

export function misread(text: string, at: number, expected: string): AbsgdError {
  const found = at >= text.length ? 'it ends' : `there is "${text.slice(at, at + 12)}"`
  return new AbsgdError('usage', `"${text}" is no schedule: ${found} at character ${at + 1}`, {
    hint: `expected is ${expected}`,
  })
}

const PATTERNS: readonly (readonly [Token['kind'], RegExp])[] = [
  ['number', /^[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|(?:Infinity|inf)\b)/],
  ['name', /^[A-Za-z][A-Za-z0-9]*/],
  ['sign', /^[(),=.[\]]/],
]
