import fc from 'fast-check'
import stringWidth from 'string-width'
import { describe, expect, test } from 'vitest'
import { fit, flow, labelled, table, wrap } from '../../../src/ui/text/layout.js'
import { apart, line } from '../../../src/ui/text/styled-line.js'
import { cut, padTo, SIMPLE, widthOf } from '../../../src/ui/text/width.js'

/** Letters of one column, of two, of none (a combining accent), and symbols that are made of several code points. */
const text = fc
  .array(fc.constantFrom('a', 'Z', '7', '-', ' ', 'é', 'e\u0301', 'λ', '日', '本', '한', '👍', '👩‍💻', '🇩🇪'), {
    maxLength: 40,
  })
  .map((parts) => parts.join(''))
const width = fc.integer({ min: 4, max: 60 })
const ellipsis = fc.constantFrom('…', '...')

describe('the columns of a text', () => {
  test.each([
    ['ascii', 5],
    ['λ → é', 5],
    ['日本', 4],
    ['e\u0301', 1],
    ['👍', 2],
    ['', 0],
  ])('of %j are %d', (given, columns) => {
    expect(widthOf(given)).toBe(columns)
  })
})

test('every character that is measured by its length has one column, and joins with no other', () => {
  const letters = new Intl.Segmenter()
  const all = Array.from({ length: 0x10000 }, (_, code) => String.fromCharCode(code)).filter((c) =>
    SIMPLE.test(c),
  )
  expect(all.length).toBeGreaterThan(1000)
  expect(all.filter((character) => stringWidth(character) !== 1)).toEqual([])
  expect([...letters.segment(all.join(''))]).toHaveLength(all.length)
  expect([...letters.segment(all.toReversed().join(''))]).toHaveLength(all.length)
})

describe('a text that is cut', () => {
  test('fits, and begins as it did before', () => {
    fc.assert(
      fc.property(text, width, ellipsis, (given, columns, dots) => {
        const short = cut(given, columns, { ellipsis: dots })
        expect(stringWidth(short)).toBeLessThanOrEqual(columns)
        if (stringWidth(given) <= columns) expect(short).toBe(given)
        else expect(short.endsWith(dots) && given.startsWith(short.slice(0, -dots.length))).toBe(true)
      }),
    )
  })

  test('in the middle, keeps its two ends', () => {
    fc.assert(
      fc.property(text, width, (given, columns) => {
        const short = cut(given, columns, { position: 'middle' })
        expect(stringWidth(short)).toBeLessThanOrEqual(columns)
        if (stringWidth(given) <= columns) return
        const [begin = '', end = ''] = short.split('…')
        expect(given.startsWith(begin) && given.endsWith(end)).toBe(true)
      }),
    )
  })

  test.each([
    [0, ''],
    [1, '.'],
    [3, '...'],
  ])('to %d columns, where the ellipsis hardly fits, is %j', (columns, short) => {
    expect(cut('abcdef', columns, { ellipsis: '...' })).toBe(short)
  })
})

describe('text of two columns a letter', () => {
  test('is filled up to columns, not to letters', () => {
    expect([padTo('日本', 6), padTo('abcdefg', 6)]).toEqual(['日本  ', 'abcdefg'])
  })

  test('keeps the columns of a table apart', () => {
    const columns = [{ title: 'RUN' }, { title: 'N', align: 'right' }] as const
    expect(
      table(columns, [
        ['日本', '1'],
        ['abcd', '23'],
      ]),
    ).toEqual(['RUN    N', '日本   1', 'abcd  23'])
  })

  test('never makes a line of any layout wider than it may be', () => {
    fc.assert(
      fc.property(
        fc.array(text, { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 20, max: 60 }),
        (texts, columns) => {
          const indents = { width: columns, indent: '  ', hanging: '      ' }
          const [first = ''] = texts
          const cells = [
            { title: 'A', shrinkTo: 2 },
            { title: 'B', shrinkTo: 2, keeps: 'both-ends' },
          ] as const
          const options = { width: columns, ellipsis: '…' }
          const short = texts.map((each) => cut(each, 8))
          const lines = [
            ...wrap(texts.join(' '), indents),
            ...labelled('日本', texts.join(' '), { width: columns }),
            ...flow(short, indents),
            fit(short, columns),
            ...table(
              cells,
              texts.map((each) => [each, first]),
              columns,
            ),
          ]
          for (const each of lines) expect([each, stringWidth(each) <= columns]).toEqual([each, true])
          for (const each of [line(texts, options), apart([first], texts, options)])
            expect([each, stringWidth(each)]).toEqual([each, columns])
        },
      ),
    )
  })

  test('is wrapped without losing a letter', () => {
    fc.assert(
      fc.property(text, fc.integer({ min: 8, max: 40 }), (given, columns) => {
        const lines = wrap(given, { width: columns, indent: '>', hanging: '>>>' })
        const together = lines.map((each, i) => each.slice(i === 0 ? 1 : 3)).join('')
        expect(together.replaceAll(' ', '')).toBe(given.normalize().replaceAll(' ', ''))
      }),
    )
  })
})
