/** Verdicts over paired differences, against proto/golden/ab.json, which the Python suite reads too. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { RunSummary } from '../../src/history/summarize-run.js'
import { comparePairs } from '../../src/statistics/compare-pairs.js'
import { verdictOf } from '../../src/statistics/verdict.js'
import { verdictLines } from '../../src/ui/lines/verdict.js'
import { summary } from '../helpers/summaries.js'

interface Case {
  readonly gains: readonly number[]
  readonly matters: number
  readonly mean: number
  readonly low: number | null
  readonly high: number | null
  readonly words: string
}

const file = new URL('../../proto/golden/ab.json', import.meta.url)
const cases = JSON.parse(readFileSync(file, 'utf8')) as readonly Case[]

test.each(cases)('$gains: $words', ({ gains, matters, mean, low, high, words }) => {
  const found = verdictOf(gains, matters)
  expect(found.words).toBe(words)
  expect(found.mean).toBeCloseTo(mean, 12)
  for (const [own, its] of [
    [found.low, low],
    [found.high, high],
  ] as const) {
    if (its === null) expect(own).toBeNull()
    else expect(own).toBeCloseTo(its, 6)
  }
})

test('a value that is not finite is said, and no seed is asked for', () => {
  expect(verdictOf([0.1, NaN, 0.1], 0.005)).toMatchObject({ kind: 'cannot-tell', moreSeeds: 0 })
})

const run = (value: number, name = 'val.accuracy') => summary({ final: { [name]: value } })
const names = ['off', 'lambda'] as const
const matters = 0.005

test('the second of a pair is better where it is larger, or lower for a loss', () => {
  const accuracy = comparePairs({
    names,
    pairs: [0.7, 0.71, 0.72].map((value) => [run(value), run(value + 0.1)]),
    metric: 'val.accuracy',
    matters,
  })
  expect(accuracy).toMatchObject({ wins: 'larger', seeds: 3, verdict: { kind: 'helps' } })
  const loss = comparePairs({
    names,
    pairs: [0.7, 0.71, 0.72].map((value, i) => [
      run(value, 'val.loss'),
      run(value + 0.1 + i / 100, 'val.loss'),
    ]),
    metric: 'val.loss',
    matters,
  })
  expect(loss).toMatchObject({ wins: 'lower', verdict: { kind: 'hurts' } })
  expect(verdictLines(accuracy, { isWrongLabels: true }).slice(0, 4)).toEqual([
    'off     val.accuracy 0.710 ± 0.010',
    'lambda  val.accuracy 0.810 ± 0.010',
    'better by +0.1, paired by seed, 3 seeds, 95 % interval +0.1 to +0.1',
    'lambda helps',
  ])
})

test('an error is better where it is lower, and a goal that is given holds', () => {
  const pairs = [0.7, 0.71, 0.72].map((value, i): readonly [RunSummary, RunSummary] => [
    run(value, 'val.error'),
    run(value + 0.1 + i / 100, 'val.error'),
  ])
  const compared = { names, pairs, metric: 'val.error', matters }
  expect(comparePairs(compared).verdict?.kind).toBe('hurts')
  expect(comparePairs({ ...compared, wins: 'larger' }).verdict?.kind).toBe('helps')
})

test('seeds with the same figures to the last bit have no verdict', () => {
  const found = comparePairs({
    names,
    pairs: [0.7, 0.7, 0.7].map((value, i) => [run(value), run(0.8 + i / 10)]),
    metric: 'val.accuracy',
    matters,
  })
  expect(found.verdict).toBeNull()
  expect(verdictLines(found, { isWrongLabels: false }).join(' ')).toContain('the runs ignore the seed')
})

test('a metric that a run does not have is said with those that it has', () => {
  const pairs = [[run(0.7), run(0.8, 'val.loss')]] as const
  expect(() => comparePairs({ names, pairs, metric: 'val.accuracy', matters })).toThrow(
    'has no metric "val.accuracy"',
  )
})
