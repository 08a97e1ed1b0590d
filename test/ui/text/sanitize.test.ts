import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { jsonText } from '../../../src/ui/lines/json.js'
import { sanitize, sanitizeLines } from '../../../src/ui/text/sanitize.js'

const ESC = '\u001b'

describe('text from elsewhere', () => {
  test.each([
    ['a colour', `${ESC}[31mred${ESC}[0m`, 'red'],
    ['a window title', `${ESC}]0;title\u0007text`, 'text'],
    ['a link', `${ESC}]8;;http://example.com${ESC}\\text${ESC}]8;;${ESC}\\`, 'text'],
    ['an 8-bit control sequence', '\u009b31mred', 'red'],
    ['a lone escape', `a${ESC}`, 'a'],
    ['backspaces and a bell', 'a\b\b\u0007b\u007f', 'ab'],
    ['reordered text', 'a\u202eb\u2066c\u2069\u200f', 'abc'],
    ['a line break and a tab', 'a\r\nb\tc\u2028d', 'a b c d'],
  ])('loses %s', (_, text, printed) => {
    expect(sanitize(text)).toBe(printed)
  })

  test('keeps letters of every script', () => {
    expect(sanitize('λ → 日本 é')).toBe('λ → 日本 é')
  })

  test('never keeps a control or format character', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(sanitize(text)).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u)
      }),
    )
  })

  test('keeps its lines where it may have several', () => {
    expect(sanitizeLines(`Traceback:\n\tat ${ESC}[1mx\r\nend`)).toEqual(['Traceback:', '    at x', 'end'])
  })
})

describe('JSON', () => {
  test('is one line without anything that a terminal obeys, and parses to the same text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const json = jsonText({ text })
        expect(json).not.toMatch(/[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u)
        expect(JSON.parse(json)).toEqual({ text })
      }),
    )
  })

  test('writes the numbers that it does not have as strings', () => {
    expect(jsonText({ lambda: Infinity, loss: NaN, low: -Infinity, list: Float64Array.of(1, NaN) })).toBe(
      '{"lambda":"Infinity","loss":"NaN","low":"-Infinity","list":[1,"NaN"]}',
    )
  })
})
