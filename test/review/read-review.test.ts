import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { parseReview, reviewHash } from '../../src/review/read-review.js'
import { drawnInWords, rowCode, type Sheet } from '../../src/review/sheet.js'

const sheet: Sheet = { run: 'digits-1', samples: '100', drawn: { suspects: 2, random: 1, others: 98 } }
const rows = [
  { id: 'a,b', index: 7, action: 'drop', stratum: 'suspect' },
  { id: 'two\nlines', index: 3, action: 'relabel:9', stratum: 'random' },
  { id: '', index: 12, action: '', stratum: 'suspect' },
] as const
const plain = [
  'id,index,label,predicted,probability,action,run,samples,drawn,row_code',
  ...rows.map(
    ({ id, index, action, stratum }) =>
      `"${id}",${index},1,,0.25,${action},digits-1,100,${drawnInWords(sheet.drawn)},${rowCode(sheet, index, stratum)}`,
  ),
].join('\n')

describe('a review is read as it was written', () => {
  const expected = [
    { index: 7, id: 'a,b', label: 1, probability: 0.25, decision: { type: 'drop' }, stratum: 'suspect' },
    { index: 3, id: 'two\nlines', decision: { type: 'relabel', label: 9 }, stratum: 'random' },
    { index: 12, id: '', decision: { type: 'open' }, stratum: 'suspect' },
  ]

  test('as the program writes it', () => {
    const review = parseReview(plain)
    expect(review.rows).toMatchObject(expected)
    expect(review.sheet).toEqual(sheet)
    expect(review.rows.map(({ line }) => line)).toEqual([2, 3, 5])
  })

  test.each([
    ['with a byte order mark and CRLF', `\uFEFF${plain.replaceAll(/(?<!two)\n/g, '\r\n')}\r\n`],
    [
      'with semicolons, decimal commas and every cell quoted',
      plain
        .replace('"a,b"', '"a§b"')
        .replaceAll(',', '";"')
        .replaceAll(/^|$/g, '"')
        .replaceAll(/(?<!two)\n/g, '"\n"')
        .replaceAll(/""(?=[^;\n])/g, '"')
        .replaceAll(/"";/g, '";')
        .replace('a§b', 'a,b')
        .replaceAll('0.25', '0,25')
        .replace('\n"";"', '\n"";"')
        .replace('\n";"12"', '\n"";"12"')
        .replaceAll(';";', ';"";'),
    ],
    ['with tabs', plain.replace('"a,b"', 'a§b').replaceAll(',', '\t').replace('a§b', 'a,b')],
    ['with numbers that became fractions', plain.replaceAll(',1,,', ',1.0,,').replace(',7,', ',"7.0",')],
    ['with empty rows and columns', `${plain.replaceAll(/$/gm, '')}\n,,,,,,,,,\n\n`],
  ])('%s', (_, text) => {
    expect(parseReview(text).rows).toMatchObject(expected)
  })
})

describe('a review is refused, with line and column', () => {
  test.each([
    [
      plain.replace('relabel:9', 'fix'),
      'line 3, column "action": it is "fix": write keep, drop or relabel:X',
    ],
    [plain.replace('relabel:9', 'relabel:cat'), 'line 3, column "action": it is "relabel:cat"'],
    [plain.replace(',12,', ',7,'), 'line 5, column "index": it is "7", as in line 2'],
    [plain.replace('two\nlines', 'a,b'), 'line 3, column "id": it is "a,b", as in line 2'],
    [plain.replace(',12,', ',1.234,'), 'line 5, column "index": it is "1.234", must be a whole number'],
    [plain.replace(',12,', ',,'), 'line 5, column "index": it is empty'],
    [plain.replace(/digits-1(?=[^]*$)/, 'other'), 'column "run": it is "digits-1", in line 2 it is "other"'],
    [plain.replace('action', 'todo'), 'the review has no column "action"'],
    [plain.replace('label,', 'index,'), 'the column "index" occurs twice'],
    [plain.replace('two\nlines"', 'two"lines'), 'text follows a closing quote'],
    [`${plain}\n"`, 'a quote that begins in line 6 does not end'],
  ])('%#', (text, message) => {
    expect(() => parseReview(text)).toThrow(message)
  })
})

test('rows whose code was changed are of an unknown stratum', () => {
  const changed = parseReview(plain.replace(',7,', ',8,'))
  expect(changed.rows[0]?.stratum).toBeUndefined()
  expect(changed.rows[1]?.stratum).toBe('random')
})

test('the hash is that of the changes alone, whatever their order', () => {
  const hash = createHash('sha256').update('3 relabel:9\n7 drop\n').digest('hex')
  expect(reviewHash(parseReview(plain).rows)).toBe(hash)
  expect(reviewHash(parseReview(plain).rows.toReversed())).toBe(hash)
  expect(reviewHash(parseReview(plain.replace('12,1,,0.25,,', '12,1,,0.25,keep,')).rows)).toBe(hash)
  expect(reviewHash(parseReview(plain.replace('drop', 'keep')).rows)).not.toBe(hash)
})
