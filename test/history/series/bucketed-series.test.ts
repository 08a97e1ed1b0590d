import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { initialPace, secondsLeft, stepsPerSecond, withPace } from '../../../src/history/series/pace.js'
import type { Body } from '../../../src/record/record.js'
import { createRunSeries } from '../../../src/history/series/run-series.js'
import { createSeries, NOT_FINITE } from '../../../src/history/series/bucketed-series.js'
import { createSparseSeries } from '../../../src/history/series/sparse-series.js'
import { initialSnapshot, reduce } from '../../../src/history/run-snapshot.js'
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
} from '../../helpers/records.js'

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

  test('has a gap where no value is finite, tells NaN and the infinities apart, and knows the latest value', () => {
    const series = createSeries()
    series.add(0, 1)
    series.add(1, Infinity)
    series.add(2, NaN)
    series.add(3, undefined)
    series.add(4, 2)
    expect([...series.view().mean]).toEqual([1, NaN, NaN, NaN, 2])
    const { infinity, nan } = NOT_FINITE
    expect([...series.view().notFinite]).toEqual([0, infinity, nan, 0, 0])
    expect(series.latest()).toBe(2)
    series.add(5, -Infinity)
    expect(series.latest()).toBe(-Infinity)
    series.cutFrom(5)
    expect([...series.view().notFinite]).toEqual([0, infinity, nan, 0, 0])
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

describe('a series of few steps', () => {
  test('keeps every value as long as there is room, then the exact extremes and means of neighbours, whatever the order', () => {
    const value = fc.oneof(fc.double({ noNaN: true, min: -1e6, max: 1e6 }), fc.constantFrom(NaN, Infinity))
    const points = fc.uniqueArray(fc.tuple(fc.nat(1e6), value), {
      minLength: 1,
      maxLength: 300,
      selector: ([step]) => step,
    })
    fc.assert(
      fc.property(points, fc.constantFrom('as drawn', 'ascending'), (all, order) => {
        const series = createSparseSeries(8)
        const ascending = all.toSorted(([a], [b]) => a - b)
        for (const [step, one] of order === 'ascending' ? ascending : all) series.add(step, one)
        const { x, min, max, mean, notFinite } = series.view()
        expect(x.length).toBeLessThanOrEqual(8)
        expect([...x]).toEqual([...x].toSorted((a, b) => a - b))
        const finite = all.map(([, one]) => one).filter(Number.isFinite)
        const numbers = (column: Float64Array) => [...column].filter((one) => !Number.isNaN(one))
        expect(Math.min(Infinity, ...numbers(min))).toBe(Math.min(Infinity, ...finite))
        expect(Math.max(-Infinity, ...numbers(max))).toBe(Math.max(-Infinity, ...finite))
        const kinds = new Set<number>(
          all.map(([, one]) => (Number.isNaN(one) ? 1 : one === Infinity ? 2 : 0)),
        )
        expect(notFinite.reduce((sum, one) => sum | one, 0)).toBe(
          [...kinds].reduce((sum, one) => sum | one, 0),
        )
        if (all.length <= 8) {
          expect([...x]).toEqual(ascending.map(([step]) => step))
          expect([...mean]).toEqual(ascending.map(([, one]) => (Number.isFinite(one) ? one : NaN)))
        }
        expect(Object.is(series.latest(), ascending.at(-1)![1])).toBe(true)
      }),
      { numRuns: 200 },
    )
  })

  test('forgets what a cut hides', () => {
    const series = createSparseSeries()
    for (const step of [9, 19, 29]) series.add(step, step)
    series.cutFrom(19)
    expect([...series.view().mean]).toEqual([9])
    expect(series.latest()).toBeUndefined()
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
