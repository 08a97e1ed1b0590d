import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { noiseRanking } from '../../src/samples/noise-auc.js'
import { emptySampleLosses, meanLosses, withSamples } from '../../src/samples/sample-losses.js'
import { record, rewind, sampleInfo, samples } from '../helpers/records.js'

const seen = (...given: Parameters<typeof samples>) => record(samples(...given))
const info = (labels: number[], trueLabels: number[]) => record(sampleInfo(labels, { trueLabels }))

describe('the mean loss of a sample', () => {
  test('is over all epochs in which it was seen', () => {
    const losses = [seen(0, [2, 0], [1, 5]), seen(1, [2], [3])].reduce(withSamples, emptySampleLosses())
    expect([...meanLosses(losses)]).toEqual([5, NaN, 2])
  })

  test('leaves out the steps that a rewind hides', () => {
    const batches = [seen(0, [0], [1]), seen(1, [0], [100]), seen(1, [0], [3], { attempt: 2 })]
    const known = emptySampleLosses([{ attempt: 2, toStep: 1, cause: 'resume' }])
    expect([...meanLosses(batches.reduce(withSamples, known))]).toEqual([2])
    const told = [record(rewind(2, 1)), ...batches].reduce(withSamples, emptySampleLosses())
    expect([...meanLosses(told)]).toEqual([2])
  })

  test('is that of one weighing, the first', () => {
    const records = [
      seen(0, [0], [1], { weighing: '' }),
      seen(0, [0], [100], { weighing: 'aux' }),
      seen(1, [0], [3]),
    ]
    expect([...meanLosses(records.reduce(withSamples, emptySampleLosses()))]).toEqual([2])
  })

  test('is known for every sample of a large data set that is read in pieces', () => {
    let losses = emptySampleLosses()
    const batch = 1000
    for (let first = 0; first < 200_000; first += batch) {
      const indices = Array.from({ length: batch }, (_, i) => first + i)
      losses = withSamples(losses, seen(first / batch, indices, indices))
    }
    const means = meanLosses(losses)
    expect(means.length).toBe(200_000)
    expect(means.every((mean, index) => mean === index)).toBe(true)
  })

  test('does not take memory for a sparse index', () => {
    expect(withSamples(emptySampleLosses(), seen(0, [4_000_000_000, 1], [7, 8])).size).toBe(2)
  })
})

describe('the AUC of wrong labels', () => {
  const aucOf = (labels: number[], trueLabels: number[], means: number[]) =>
    noiseRanking(
      [info(labels, trueLabels), seen(0, [...means.keys()], means)].reduce(withSamples, emptySampleLosses()),
    )?.auc

  test('is the share of pairs that the mean loss puts into the right order, ties counting half', () => {
    const sample = fc.record({ wrong: fc.boolean(), loss: fc.integer({ min: -3, max: 3 }) })
    fc.assert(
      fc.property(fc.array(sample, { minLength: 2, maxLength: 60 }), (samples) => {
        const wrong = samples.filter((one) => one.wrong)
        const right = samples.filter((one) => !one.wrong)
        const pairs = wrong.flatMap((a) =>
          right.map((b) => (a.loss > b.loss ? 1 : a.loss === b.loss ? 0.5 : 0)),
        )
        const expected =
          pairs.length === 0 ? undefined : pairs.reduce<number>((sum, win) => sum + win, 0) / pairs.length
        const auc = aucOf(
          samples.map((one) => (one.wrong ? 1 : 0)),
          samples.map(() => 0),
          samples.map(({ loss }) => loss),
        )
        if (expected === undefined) expect(auc).toBeUndefined()
        else expect(auc).toBeCloseTo(expected, 12)
      }),
    )
  })

  test('is 1 when every wrong label is harder than every right one', () => {
    expect(aucOf([1, 0, 1], [0, 0, 0], [5, 1, 4])).toBe(1)
  })

  test('is unknown where the true labels are', () => {
    expect(aucOf([1, 0], [], [5, 1])).toBeUndefined()
  })

  test('leaves out samples that were never seen or have no mean', () => {
    expect(aucOf([1, 0, 1, 0], [0, 0, 0, 0], [5, 1, NaN])).toBe(1)
  })
})
