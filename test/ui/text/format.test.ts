import { describe, expect, test } from 'vitest'
import {
  formatAge,
  formatBytes,
  formatControl,
  formatCount,
  formatDuration,
  formatDifference,
  formatMeanSd,
  formatNumber,
} from '../../../src/ui/text/format.js'

describe('numbers', () => {
  test.each([
    [0, '0'],
    [0.95, '0.95'],
    [0.123456, '0.1235'],
    [-2.5, '-2.5'],
    [1920, '1,920'],
    [1234.56, '1235'],
    [123456789, '123,456,789'],
    [1e12, '1e12'],
    [0.0000321, '3.21e-5'],
    [2e-10, '2e-10'],
    [NaN, 'nan'],
    [Infinity, 'inf'],
    [-Infinity, '-inf'],
  ])('%f is written %s', (value, text) => {
    expect(formatNumber(value)).toBe(text)
  })

  test('counts are grouped by three', () => {
    expect([7, 999, 1000, 1_000_000].map(formatCount)).toEqual(['7', '999', '1,000', '1,000,000'])
  })

  test('an infinite lambda is off, another infinite control is not', () => {
    expect([formatControl('lambda', Infinity), formatControl('lambda', -Infinity)]).toEqual(['off', 'off'])
    expect([formatControl('clip_norm', Infinity), formatControl('lambda', -2)]).toEqual(['inf', '-2'])
  })

  test('a mean has as many decimals as the second digit of its deviation', () => {
    expect(formatMeanSd(95, 1.9)).toBe('95.0 ± 1.9')
    expect(formatMeanSd(0.94333, 0.03055)).toBe('0.943 ± 0.031')
    expect(formatMeanSd(1500, 707.1)).toBe('1500 ± 707')
    expect(formatMeanSd(131224039527315.3, 117622629260478.4)).toBe('1.31e14 ± 1.18e14')
    expect(formatMeanSd(1.2e-7, 3.4e-8)).toBe('1.2e-7 ± 3.4e-8')
    expect([formatMeanSd(null, null), formatMeanSd(0.5, null), formatMeanSd(2, 0)]).toEqual([
      '-',
      '0.5',
      '2 ± 0',
    ])
  })
})

test('a difference has a sign, and as many decimals as the second digit of half its interval', () => {
  expect(formatDifference(0.0951, { low: 0.0731, high: 0.1171 })).toEqual(['+0.095', '[+0.073, +0.117]'])
  expect(formatDifference(-3, { low: -23, high: 17 })).toEqual(['-3', '[-23, +17]'])
  expect(formatDifference(0.5, { low: 0.5, high: 0.5 })).toEqual(['+0.5', '[+0.5, +0.5]'])
  expect(formatDifference(0.01234567, null)).toEqual(['+0.01235', ''])
  expect(formatDifference(0, null)).toEqual(['0', ''])
})

test.each([
  [0.04, '0.0 s'],
  [9.94, '9.9 s'],
  [9.96, '10 s'],
  [59.4, '59 s'],
  [59.6, '1 min 00 s'],
  [200, '3 min 20 s'],
  [3900, '1 h 05 min'],
  [183_600, '2 d 3 h'],
  [NaN, '?'],
])('%f seconds are written %s', (seconds, text) => {
  expect(formatDuration(seconds)).toBe(text)
})

test('ages are in whole units, sizes in powers of a thousand', () => {
  expect([5, 65, 7300, 200_000].map(formatAge)).toEqual(['5 s', '1 min', '2 h', '2 d'])
  expect([0, 999, 999_900, 1_500_000].map(formatBytes)).toEqual(['0 B', '999 B', '1 MB', '1.5 MB'])
})
