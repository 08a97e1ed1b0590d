import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { initialPace, secondsLeft, stepsPerSecond, withPace } from '../../src/record/pace.js'
import type { Body } from '../../src/record/record.js'
import { createRunSeries } from '../../src/record/run-series.js'
import { createSeries } from '../../src/record/series.js'
import { initialSnapshot, reduce } from '../../src/record/snapshot.js'
import {
  evaluation,
  joined,
  progress,
  record,
  records,
  rewind,
  started,
  steps,
  weighing,
} from '../helpers/records.js'

describe('a series', () => {
  test('keeps every value of a short run', () => {
    const series = createSeries()
    for (const [step, value] of [3, 1, 2].entries()) series.add(step, value)
    const { width, x, min, max, mean } = series.view()
    expect({ width, x: [...x] }).toEqual({ width: 1, x: [0, 1, 2] })
    for (const column of [min, max, mean]) expect([...column]).toEqual([3, 1, 2])
  })

  test('keeps the exact extremes and means of a long run in a bounded number of buckets, in whatever order it came', () => {
    const values = fc.array(fc.double({ noNaN: true, min: -1e6, max: 1e6 }), { minLength: 1, maxLength: 300 })
    fc.assert(
      fc.property(values, fc.boolean(), (all, backwards) => {
        const series = createSeries({ buckets: 8 })
        const entries = [...all.entries()]
        for (const [step, value] of backwards ? entries.toReversed() : entries) series.add(step, value)
        const { width, x, min, max, mean } = series.view()
        expect(x.length).toBeLessThanOrEqual(8)
        expect(x.length).toBe(Math.ceil(all.length / width))
        x.forEach((_, i) => {
          const part = all.slice(i * width, (i + 1) * width)
          expect(min[i]).toBe(Math.min(...part))
          expect(max[i]).toBe(Math.max(...part))
          expect(mean[i]).toBeCloseTo(part.reduce((sum, value) => sum + value, 0) / part.length, 3)
          expect(x[i]).toBe(i * width + (part.length - 1) / 2)
        })
      }),
      { numRuns: 200 },
    )
  })

  test('has a gap where no value is finite, and none between values that are far apart if it is to have none', () => {
    const dense = createSeries()
    const sparse = createSeries({ gaps: false })
    for (const series of [dense, sparse]) {
      series.add(0, 1)
      series.add(1, Infinity)
      series.add(2, NaN)
      series.add(4, 2)
    }
    expect([...dense.view().mean]).toEqual([1, NaN, NaN, NaN, 2])
    expect([...sparse.view().mean]).toEqual([1, 2])
    expect([...sparse.view().x]).toEqual([0, 4])
  })

  test('forgets what a cut hides, its extremes included', () => {
    const series = createSeries({ buckets: 4 })
    for (let step = 0; step < 8; step += 1) series.add(step, step === 5 ? 1000 : step)
    series.cutFrom(4)
    expect([...series.view().max]).toEqual([1, 3])
    series.add(4, 7)
    expect([...series.view().max]).toEqual([1, 3, 7])
  })
})

describe('the series of a run', () => {
  const taken = (bodies: readonly Body[]) => {
    const series = createRunSeries()
    for (const entry of records(bodies)) series.take(entry)
    return series
  }

  test('are its loss, lambda, effective sample size and sum of weights, with gaps where lambda is off', () => {
    const { steps: all } = taken([
      steps(0, 2, { controls: { lambda: Float64Array.of(Infinity, -2) }, weighings: [weighing(2)] }),
    ])
    expect([...all.loss.view().mean]).toEqual([2, 2])
    expect([...all.lambda.view().mean]).toEqual([NaN, -2])
    expect([...all.essRatio.view().mean]).toEqual([1, 1])
    expect([...all.sumW.view().mean]).toEqual([1, 1])
    expect([...all.lr.view().mean]).toEqual([NaN, NaN])
  })

  test('are those of the visible history, whenever the record of a hidden step arrives', () => {
    const at = (value: number) => (first: number, attempt: number) =>
      steps(first, 2, { attempt, weighings: [weighing(2, { meanLoss: new Float64Array(2).fill(value) })] })
    const { steps: all, metrics } = taken([
      at(1)(0, 1),
      at(9)(2, 1),
      evaluation(1, { accuracy: 0.5 }),
      evaluation(3, { accuracy: 0.9 }),
      rewind(2, 2),
      at(9)(4, 1),
      evaluation(5, { accuracy: 0.9 }),
      at(3)(2, 2),
    ])
    expect([...all.loss.view().max]).toEqual([1, 1, 3, 3])
    expect([...metrics.get('val.accuracy')!.view().mean]).toEqual([0.5])
  })

  test('have those of evaluations by name, the derived ones included', () => {
    const confusion = { classes: 2, counts: Uint32Array.of(3, 1, 0, 4) }
    const { metrics } = taken([evaluation(9, { loss: 0.3 }, { confusion })])
    expect([...metrics.keys()]).toEqual([
      'val.loss',
      'val.accuracy',
      'val.balanced_accuracy',
      'val.worst_class_accuracy',
    ])
    expect([...metrics.get('val.accuracy')!.view().x]).toEqual([9])
  })
})

describe('the pace of a run', () => {
  const after = (bodies: readonly Body[]) => {
    let snapshot = initialSnapshot()
    let pace = initialPace()
    for (const [i, body] of bodies.entries()) {
      const entry = record(body, { timeMs: 1e12 + i * 1000 })
      snapshot = reduce(snapshot, entry)
      pace = withPace(pace, entry, snapshot)
    }
    return { rate: stepsPerSecond(pace), left: secondsLeft(pace, snapshot) }
  }
  const begun = [started(), joined({}, 1, 100), steps(0, 10), steps(10, 10), steps(20, 10)]

  test('is steps by time, and tells what is left', () => {
    expect(after(begun)).toEqual({ rate: 10, left: 7 })
  })

  test('is unknown at first, and while the run stands', () => {
    expect(after(begun.slice(0, 3))).toEqual({ rate: undefined, left: undefined })
    expect(after([...begun, progress(30, 'paused')]).rate).toBeUndefined()
  })

  test('leaves nothing to be told of a run without an end', () => {
    expect(after([started(), joined({}, 1, 0), steps(0, 10), steps(10, 10)])).toEqual({
      rate: 10,
      left: undefined,
    })
  })
})
