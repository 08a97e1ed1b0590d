import { describe, expect, test } from 'vitest'
import type { Body } from '../../src/record/record.js'
import { overviewOf } from '../../src/samples/sample-overview.js'
import { emptySampleLosses, withSamples } from '../../src/samples/sample-losses.js'
import { predictions, record, sampleInfo, samples } from '../helpers/records.js'

const overview = (...bodies: Body[]) =>
  overviewOf(bodies.map((body) => record(body)).reduce(withSamples, emptySampleLosses()))

const range = (length: number) => Array.from({ length }, (_, i) => i)

describe('the overview of samples', () => {
  test('counts how often they were seen, and leaves out of the ranking what is no number', () => {
    const found = overview(samples(0, [0, 1, 2], [1, 2, NaN]), samples(1, [0], [3]))
    expect(found).toMatchObject({ seen: 3, unranked: 1, timesSeen: { least: 1, mean: 4 / 3, most: 2 } })
    expect(found.meanLoss).toEqual({ median: 2, p90: 2, largest: 2 })
  })

  test('has every ranked sample in exactly one bin, with the wrong labels of each', () => {
    const losses = range(1000).map((i) => (i < 990 ? i / 100 : 1e6))
    const wrong = range(1000).map((i) => (i >= 900 ? 1 : 0))
    const { histogram } = overview(
      sampleInfo(wrong, { trueLabels: range(1000).map(() => 0) }),
      samples(0, range(1000), losses),
    )
    expect(histogram.map(({ from, to, count, wrong }) => [from, to, count, wrong])).toEqual([
      ...range(9).map((i) => [i, i + 1, 100, 0]),
      [9, 10, 100, 100],
    ])
  })

  test('has bins for equal, infinite and negative losses', () => {
    expect(overview(samples(0, [0, 1], [2, 2])).histogram).toMatchObject([{ from: 2, to: 3, count: 2 }])
    expect(overview(samples(0, [0, 1], [2, Infinity])).histogram).toMatchObject([{ from: 2, count: 2 }])
    expect(overview(samples(0, [0], [Infinity])).histogram).toEqual([])
    const negative = overview(samples(0, [0, 1, 2], [-1, 0, 1])).histogram
    expect(negative.reduce((sum, { count }) => sum + count, 0)).toBe(3)
    expect(negative[0]!.from).toBe(-1)
  })

  test('tells how much weight the hardest tenth has: a tenth where all are even', () => {
    const losses = range(20)
    expect(overview(samples(0, range(20), losses)).hardestTenthWeight).toBeCloseTo(0.1, 6)
    const weights = losses.map((loss) => (loss >= 18 ? 0 : 1 / 18))
    expect(overview(samples(0, range(20), losses, { weights })).hardestTenthWeight).toBe(0)
  })

  test('tells how far the ranking can be trusted where the truth is known', () => {
    const info = sampleInfo([1, 1, 0, 0, 0], { trueLabels: [0, 0, 0, 0, 0] })
    const { noise } = overview(info, samples(0, range(5), [9, 2, 3, 1, 0]))
    expect(noise).toEqual({ auc: 5 / 6, wrong: 2, right: 3, found: 1 })
  })

  test('tells which classes the model takes for which, the most frequent first', () => {
    const labels = [1, 1, 1, 2, 2, 3]
    const { prediction } = overview(
      sampleInfo(labels),
      samples(0, [0], [1]),
      predictions(4, [0, 0, 1, 2, 3, 3]),
    )
    expect(prediction).toEqual({
      at: { attempt: 1, step: 4 },
      predicted: 6,
      compared: 6,
      disagree: 3,
      pairs: [
        { label: 1, predicted: 0, count: 2 },
        { label: 2, predicted: 3, count: 1 },
      ],
    })
  })
})
