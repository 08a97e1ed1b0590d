import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Body } from '../../src/record/record.js'
import { emptySampleLosses, ofClass, withSamples } from '../../src/samples/sample-losses.js'
import { topSuspects } from '../../src/samples/suspect-ranking.js'
import { predictions, record, rewind, sampleInfo, samples } from '../helpers/records.js'

const after = (bodies: readonly Body[]) =>
  bodies.map((body) => record(body)).reduce(withSamples, emptySampleLosses())

const ranked = (bodies: readonly Body[], count = 10) =>
  topSuspects(after(bodies), count).map(({ index }) => index)

describe('the ranking of suspects', () => {
  // Few values, so that many samples have equal means.
  const loss = fc.constantFrom(0, 0.5, 1, 2, Infinity, NaN)
  const visit = fc.record({ index: fc.nat({ max: 12 }), loss, weight: fc.constantFrom(0, 0.25, 1) })

  test('is that of sorting all samples by their mean loss, equal ones by index', () => {
    const epochs = fc.array(fc.array(visit, { minLength: 1, maxLength: 8 }), { maxLength: 12 })
    fc.assert(
      fc.property(epochs, fc.integer({ min: 1, max: 15 }), (batches, count) => {
        const given = batches.map((batch, step) =>
          samples(
            step,
            batch.map(({ index }) => index),
            batch.map((one) => one.loss),
            { weights: batch.map(({ weight }) => weight) },
          ),
        )
        const visits = batches.flatMap((batch) => batch.map((one) => ({ ...one, n: batch.length })))
        const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
        const expected = [...new Set(visits.map(({ index }) => index))]
          .map((index) => {
            const mine = visits.filter((one) => one.index === index)
            const losses = mine.map((one) => one.loss)
            const meanLoss = mean(losses)
            return {
              index,
              meanLoss,
              lossSpread: Math.sqrt(mean(losses.map((value) => (value - meanLoss) ** 2))),
              lastLoss: losses.at(-1)!,
              meanWeight: mean(mine.map(({ weight, n }) => weight * n)),
              timesSeen: mine.length,
            }
          })
          .filter(({ meanLoss }) => !Number.isNaN(meanLoss))
          .sort((a, b) => (a.meanLoss === b.meanLoss ? a.index - b.index : b.meanLoss - a.meanLoss))
          .slice(0, count)
        const found = topSuspects(after(given), count)
        expect(found.map(({ rank }) => rank)).toEqual(expected.map((_, i) => i + 1))
        for (const [i, suspect] of found.entries()) {
          const { lossSpread, ...exact } = expected[i]!
          expect(suspect).toMatchObject(exact)
          if (Number.isNaN(lossSpread)) expect(suspect.lossSpread).toBeNaN()
          else expect(suspect.lossSpread).toBeCloseTo(lossSpread, 6)
        }
        expect(found).toHaveLength(expected.length)
      }),
    )
  })

  test('leaves out samples that were only described, and says of others what is known alone', () => {
    const found = topSuspects(after([sampleInfo([3, 4, 5]), samples(0, [1], [2])]), 10)
    expect(found).toEqual([
      { rank: 1, index: 1, label: 4, meanLoss: 2, lossSpread: 0, lastLoss: 2, meanWeight: 1, timesSeen: 1 },
    ])
  })

  test('does not see what a rewind hides, and sees what was trained instead', () => {
    const first = [samples(0, [0, 1], [1, 2]), samples(1, [0, 1], [90, 0])]
    expect(ranked(first)).toEqual([0, 1])
    expect(ranked([rewind(2, 1), ...first, samples(1, [0, 1], [1, 2], { attempt: 2 })])).toEqual([1, 0])
  })

  test('of one label has places of its own', () => {
    const losses = after([sampleInfo([3, 4, 4]), samples(0, [0, 1, 2], [9, 1, 2])])
    expect(topSuspects(ofClass(losses, 4), 10)).toMatchObject([
      { rank: 1, index: 2 },
      { rank: 2, index: 1 },
    ])
    expect(topSuspects(losses, 1)).toMatchObject([{ index: 0 }])
  })

  test('is cheap enough for every redraw: a hundred thousand samples are looked at once', () => {
    const size = 100_000
    const indices = Array.from({ length: size }, (_, i) => i)
    const losses = after([
      samples(
        0,
        indices,
        indices.map((i) => (i * 7919) % size),
      ),
    ])
    let reads = 0
    const counted = new Proxy(losses.sums, {
      get(target, key) {
        if (typeof key === 'string' && /^\d+$/.test(key)) reads += 1
        return Reflect.get(target, key) as unknown
      },
    })
    const found = topSuspects({ ...losses, sums: counted }, 20)
    expect(found.map(({ meanLoss }) => meanLoss)).toEqual(Array.from({ length: 20 }, (_, i) => size - 1 - i))
    expect(reads).toBeLessThanOrEqual(size + 20)
  })
})

describe('what the model took a sample for', () => {
  const seen = [sampleInfo([3, 4, 5], { trueLabels: [3, 3, 5] }), samples(0, [0, 1, 2], [1, 3, 2])]
  const taken = (bodies: readonly Body[]) =>
    topSuspects(after([...seen, ...bodies]), 3).map(({ predicted, labelProbability }) => [
      predicted,
      labelProbability,
    ])
  const unknown = [undefined, undefined]

  test('stands beside its label, and whether that is wrong', () => {
    const [first] = topSuspects(after([...seen, predictions(0, [3, 3], { probabilities: [0.75, 0.25] })]), 1)
    expect(first).toMatchObject({
      label: 4,
      predicted: 3,
      labelProbability: 0.25,
      trueLabel: 3,
      isWrong: true,
    })
  })

  test('comes in pieces, and a later position replaces all of an earlier one', () => {
    const pieces = [predictions(0, [1, 1, 1]), predictions(9, [7]), predictions(9, [8], { firstIndex: 2 })]
    expect(taken(pieces)).toEqual([unknown, [8, undefined], [7, undefined]])
    expect(taken([...pieces, predictions(5, [2, 2, 2])])).toEqual(taken(pieces))
  })

  test('is hidden by a rewind with the steps that it was predicted after', () => {
    const hidden = predictions(9, [1, 1, 1])
    expect(taken([rewind(2, 9), hidden])).toEqual([unknown, unknown, unknown])
    expect(taken([rewind(2, 10), hidden])).toEqual([
      [1, undefined],
      [1, undefined],
      [1, undefined],
    ])
  })
})
