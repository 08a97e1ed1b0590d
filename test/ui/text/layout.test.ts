import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fit, flow, labelled, table, wrap } from '../../../src/ui/text/layout.js'
import { cut } from '../../../src/ui/text/width.js'

const words = fc.array(fc.stringMatching(/^[a-zé日]{1,30}$/u), { maxLength: 20 })

describe('a table', () => {
  test('aligns its columns and leaves no blanks at the ends of lines', () => {
    const columns = [{ title: 'NAME' }, { title: 'STEPS', align: 'right' }, { title: 'AGE' }] as const
    const rows = [
      ['a', '1,000', ''],
      ['long', '5', '2 d'],
    ]
    expect(table(columns, rows)).toEqual(['NAME  STEPS  AGE', 'a     1,000', 'long      5  2 d'])
  })

  test('cuts the columns that may be cut, the longest first, to fit', () => {
    const columns = [{ title: 'A', shrinkTo: 4 }, { title: 'B', shrinkTo: 4 }, { title: 'C' }]
    expect(table(columns, [['abcdefghij', 'abcde', 'never']], 18)[1]).toBe('abc…  abcde  never')
    expect(table(columns, [['abcdefghij', 'abcde', 'never']], 10)[1]).toBe('abc…  abc…  never')
  })

  test('keeps both ends of a cell where these tell cells apart', () => {
    const columns = [{ title: 'A', shrinkTo: 4, keeps: 'both-ends' }] as const
    const rows = [['digits-seed1'], ['digits-seed10'], ['digits']]
    expect(table(columns, rows, 9)).toEqual(['A', 'digi…eed1', 'digi…ed10', 'digits'])
  })
})

describe('wrapped text', () => {
  test('holds every word in lines no longer than the width', () => {
    fc.assert(
      fc.property(words, fc.integer({ min: 12, max: 60 }), (list, width) => {
        const lines = wrap(list.join(' '), { width, indent: '  ', hanging: '    ' })
        for (const line of lines) expect([...line].length).toBeLessThanOrEqual(width)
        expect(lines.join('').replaceAll(' ', '')).toBe(list.join(''))
      }),
    )
  })

  test('stands in a column beside its label', () => {
    expect(labelled('lambda', 'off for 5 epochs, then', { width: 24 })).toEqual([
      '  lambda    off for 5',
      '            epochs, then',
    ])
  })
})

describe('items', () => {
  test('flow into as many lines as they need, unbroken', () => {
    expect(flow(['aa 1', 'bb 2', 'cc 3'], { width: 12, indent: '  ', hanging: '    ' })).toEqual([
      '  aa 1  bb 2',
      '    cc 3',
    ])
  })

  test('on one line are as many as fit, with the number of the others', () => {
    expect(fit(['aa 1', 'bb 2', 'cc 3'], 16)).toBe('aa 1  bb 2  cc 3')
    expect(fit(['aa 1', 'bb 2', 'cc 3'], 15)).toBe('aa 1  bb 2  +1')
    fc.assert(
      fc.property(words, (list) => {
        expect([...fit(list, 40)].length).toBeLessThanOrEqual(40)
      }),
    )
  })
})

test('a text that is cut ends in an ellipsis', () => {
  expect([cut('abcdef', 6), cut('abcdef', 4)]).toEqual(['abcdef', 'abc…'])
})
