import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  addInterval,
  below,
  overlaps,
  totalLength,
  unionLength,
} from '../../../src/history/series/intervals.js'

const interval = fc.tuple(fc.nat(40), fc.nat(10)).map(([from, length]) => ({ from, to: from + length }))

const stepsOf = (intervals: readonly { from: number; to: number }[]) =>
  intervals.flatMap(({ from, to }) => Array.from({ length: to - from }, (_, i) => from + i))

describe('a set of intervals', () => {
  test('holds exactly the steps that were added, sorted and without two entries that touch', () => {
    fc.assert(
      fc.property(fc.array(interval), (added) => {
        const set = added.reduce<readonly { from: number; to: number }[]>(addInterval, [])
        expect(stepsOf(set)).toEqual([...new Set(stepsOf(added))].sort((a, b) => a - b))
        for (const [i, { from }] of set.entries()) if (i > 0) expect(from).toBeGreaterThan(set[i - 1]!.to)
      }),
    )
  })

  test('knows which steps of an interval it has already', () => {
    fc.assert(
      fc.property(fc.array(interval), interval, (added, asked) => {
        const set = added.reduce<readonly { from: number; to: number }[]>(addInterval, [])
        const held = new Set(stepsOf(set))
        expect(stepsOf(overlaps(set, asked))).toEqual(stepsOf([asked]).filter((step) => held.has(step)))
      }),
    )
  })

  test('stays one entry over a million consecutive steps', () => {
    let set: readonly { from: number; to: number }[] = []
    for (let step = 0; step < 1_000_000; step += 64) set = addInterval(set, { from: step, to: step + 64 })
    expect(set).toEqual([{ from: 0, to: 1_000_000 }])
  })
})

test('the length of a union counts a step once, that of a total as often as it occurs', () => {
  fc.assert(
    fc.property(fc.array(interval), fc.nat(50), (intervals, limit) => {
      const cut = stepsOf(intervals).filter((step) => step < limit)
      expect(unionLength(below(intervals, limit))).toBe(new Set(cut).size)
      expect(totalLength(below(intervals, limit))).toBe(cut.length)
    }),
  )
})
