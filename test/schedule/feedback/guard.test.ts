import { describe, expect, test } from 'vitest'
import type { BackOff } from '../../../src/schedule/feedback/guard.js'
import type { ReportedStep } from '../../../src/schedule/feedback/feedback-rule.js'
import { FRESH_STATE, weigh } from '../../../src/weighting/weigh-batch.js'
import { report } from './reports.js'
import { GUARD, watched } from './watched.js'

const product = (backOffs: readonly BackOff[]) => backOffs.reduce((all, { factor }) => all * factor, 1)

const CLASSES = 10
const labels = Array.from({ length: 64 }, (_, i) => i % CLASSES)

/**
 * A collapse from step 0 under lambda = -0.5: one class is learnt and its loss goes to 0, the others' rise until the mean
 * loss has gone from 2.3 to 142. Weighed by the rule itself.
 */
function collapse(step: number, lambda: number): ReportedStep {
  const given = 158 - 155.7 * 0.99 ** step
  const losses = Float64Array.from(labels, (label, i) => (label === 0 ? 2.3 * 0.8 ** step : given) + 0.01 * i)
  const { weights, statistics } = weigh(losses, { lambda, gamma: 0.9 }, FRESH_STATE)
  const masses = new Array<number>(CLASSES).fill(0)
  labels.forEach((label, i) => (masses[label]! += weights[i]! / statistics.sumW))
  const top = masses.indexOf(Math.max(...masses))
  return report(step, {
    lambda,
    n: losses.length,
    meanLoss: statistics.meanLoss,
    essRatio: statistics.sumW ** 2 / statistics.sumW2 / losses.length,
    sumW: statistics.sumW,
    topClassMass: masses[top]!,
    topClassShare: labels.filter((label) => label === top).length / labels.length,
  })
}

describe('a collapse from step 0', () => {
  test('is what it was when it was first seen', () => {
    const [start, soon, late] = [0, 30, 900].map((step) => collapse(step, -0.5))
    expect(start!.meanLoss).toBeCloseTo(2.6, 1)
    expect(start!.essRatio).toBeGreaterThan(0.8)
    expect(soon!.essRatio).toBeLessThan(0.15)
    expect(soon!.topClassMass).toBeGreaterThan(0.99)
    expect(late!.meanLoss).toBeGreaterThan(135)
  })

  test('is seen within 60 steps, and said with its figures', () => {
    const { backOffs } = watched(60, (step) => collapse(step, -0.5))
    expect(backOffs).toHaveLength(1)
    expect(backOffs[0]!.mark).toMatch(
      /^for 20 steps a few samples held the weight \(effective sample size 9 % of the batch, one class with 100 % of the weight and 11 % of the samples\)$/,
    )
    expect(product(backOffs)).toBe(4)
  })

  test('has lambda back off until the weights are wide again, and no further', () => {
    // By its weights alone: the mean loss of this one never comes down again.
    const byWeights = { ...GUARD, maxLossRatio: Infinity }
    const { backOffs } = watched(2_000, (step, factor) => collapse(step, -0.5 * factor), byWeights)
    expect(collapse(2_000, -0.5 * product(backOffs)).essRatio).toBeGreaterThan(0.15)
    expect(collapse(2_000, (-0.5 * product(backOffs)) / GUARD.factor).essRatio).toBeLessThan(0.15)
    expect(backOffs.length).toBeGreaterThan(1)
    expect(product(backOffs)).toBe(GUARD.factor ** backOffs.length)
  })

  test('without labels is seen by its effective sample size', () => {
    const blind = (step: number) => ({ ...collapse(step, -0.5), topClassMass: NaN, topClassShare: NaN })
    expect(watched(60, blind).backOffs[0]!.mark).toMatch(
      /held the weight \(effective sample size 9 % of the batch\)$/,
    )
  })
})

describe('too much weight on a class', () => {
  const mass = (topClassMass: number, topClassShare: number) =>
    watched(200, (step) => report(step, { lambda: 2, essRatio: 0.5, topClassMass, topClassShare })).backOffs
      .length

  test('is seen where the weights are wide all the same', () => {
    expect(mass(0.81, 0.1)).toBeGreaterThan(0)
  })

  test('is none where half of the batch is of that class, or the mass is less', () => {
    expect([mass(0.95, 0.5), mass(0.8, 0.1)]).toEqual([0, 0])
  })
})

describe('a loss that runs away', () => {
  const rising = (times: number, given: Partial<ReportedStep> = {}) =>
    watched(300, (step) => report(step, { lambda: -2, meanLoss: step < 150 ? 2 : 2 * times, ...given }))
      .backOffs

  test('is seen by its mean, where the weights are wide', () => {
    const [first] = rising(40)
    expect(first!.mark).toBe('the unweighted mean loss is 13.7, 6.8 times that of the first 100 steps')
    // With two of 20 losses 40 times as high the mean is 4.9 times as high, with three 6.85.
    expect(first!.step).toBe(152)
  })

  test('is none below five times: so much it rises where wrong labels lose their weight', () => {
    expect(rising(4.9)).toEqual([])
    expect(rising(5.1)).toHaveLength(2)
  })

  test('is seen within the first 100 steps too, which it does not raise', () => {
    const jump = (at: number) => (step: number) => report(step, { lambda: -2, meanLoss: step < at ? 1 : 1e6 })
    expect(watched(85, jump(80)).backOffs).toMatchObject([
      { step: 80, mark: expect.stringMatching(/of the first 80 steps$/) as string },
    ])
    expect(watched(40, jump(15)).backOffs).toMatchObject([{ step: 19 }])
  })

  test('is told from the beginning whatever the sign and the unit of the losses', () => {
    for (const unit of [0.01, 1, 100]) {
      const rising = (loss: (step: number) => number) =>
        watched(300, (step) => report(step, { lambda: -2 * unit, meanLoss: unit * loss(step) })).backOffs
          .length
      expect(rising((step) => (step < 150 ? -2 : -1))).toBe(0)
      expect(rising((step) => (step < 150 ? -2 : 7))).toBeGreaterThan(0)
      expect(rising((step) => (step < 150 ? 2 : 9))).toBe(0)
    }
  })

  test('is none for a batch that is not finite, and one for several in a row', () => {
    const broken = (steps: number, loss: number) =>
      watched(200, (step) =>
        report(step, { lambda: -2, meanLoss: step >= 50 && step < 50 + steps ? loss : 2 }),
      ).backOffs
    for (const loss of [NaN, Infinity]) {
      expect(broken(2, loss)).toEqual([])
      expect(broken(3, loss)).toMatchObject([
        { step: 52, mark: 'the unweighted mean loss has not been finite for 3 steps' },
      ])
    }
  })
})

describe('in small batches', () => {
  const narrow = (n: number, samples: number) =>
    watched(200, (step) => report(step, { n, lambda: -1, essRatio: samples / n })).backOffs.length > 0

  test('fewer than two samples are too few, as ESS/B cannot come below 1/B', () => {
    for (const n of [4, 8, 12]) expect([n, narrow(n, 1.1), narrow(n, 2.1)]).toEqual([n, true, false])
    expect([narrow(64, 9), narrow(64, 10)]).toEqual([true, false])
    expect([narrow(2, 1), narrow(3, 1)]).toEqual([false, false])
  })

  test('under λ > 0 they are the hardest ones, which have the weight on purpose', () => {
    const hard = (step: number) => report(step, { lambda: 1, essRatio: 0.03 })
    expect(watched(300, hard).backOffs).toEqual([])
  })

  test('as many as have 32 samples are looked at as one', () => {
    // Half of the batches of 8 have one sample that counts, the others six.
    const mixed = (step: number) =>
      report(step, { n: 8, lambda: -1, essRatio: step % 2 === 0 ? 1 / 8 : 6 / 8 })
    expect(watched(200, mixed).backOffs).toEqual([])
    const mostly = (step: number) =>
      report(step, { n: 8, lambda: -1, essRatio: step % 4 === 0 ? 3 / 8 : 1 / 8 })
    expect(watched(200, mostly).backOffs.length).toBeGreaterThan(0)
  })

  test('a class with most of the weight is one by chance', () => {
    const ofOne = (n: number) =>
      watched(200, (step) =>
        report(step, { n, lambda: 2, essRatio: 0.4, topClassMass: 0.9, topClassShare: 0.3 }),
      ).backOffs.length
    expect([ofOne(8), ofOne(31)]).toEqual([0, 0])
    expect(ofOne(32)).toBeGreaterThan(0)
  })
})

test('19 narrow steps are let pass, and a wide one begins the count anew', () => {
  const narrow = (step: number) => report(step, { lambda: -1, essRatio: step % 20 === 19 ? 0.15 : 0.1 })
  expect(watched(1_000, narrow).backOffs).toEqual([])
  const steady = watched(21, (step) => report(step, { lambda: -1, essRatio: 0.1 }))
  expect(steady.backOffs.map(({ step }) => step)).toEqual([19])
})

test('with lambda off nothing is a reason', () => {
  const off = (step: number) =>
    report(step, {
      lambda: step % 2 === 0 ? Infinity : -Infinity,
      essRatio: 0.05,
      meanLoss: step < 100 ? 1 : 1e9,
    })
  expect(watched(1_000, off).backOffs).toEqual([])
})

test('the next back-off waits until the steps after the last one have been seen', () => {
  const { backOffs } = watched(400, (step) => report(step, { lambda: -1, essRatio: 0.1 }))
  const gaps = backOffs.slice(1).map(({ step }, i) => step - backOffs[i]!.step)
  expect(gaps.length).toBeGreaterThan(2)
  // In effect after `lag`, seen for `patience` steps.
  for (const gap of gaps) expect(gap).toBeGreaterThanOrEqual(GUARD.lag + GUARD.patience)
})

test('a run that backing off does not help is told so a few times, not for ever', () => {
  const helpless = (scale: number) => (step: number, factor: number) =>
    report(step, { lambda: -factor * scale, meanLoss: scale, essRatio: 0.1 })
  for (const scale of [1, 1e7]) {
    const { backOffs } = watched(5_000, helpless(scale))
    expect(product(backOffs)).toBe(4 ** 9)
    expect(backOffs).toHaveLength(9)
  }
  expect(watched(5_000, helpless(1), { ...GUARD, factor: 1e6 }).backOffs).toHaveLength(1)
  const infinite = (step: number, factor: number) =>
    report(step, { lambda: -factor, meanLoss: step < 100 ? 1 : Infinity })
  expect(watched(5_000, infinite).backOffs).toHaveLength(9)
})

test('a lambda that is set anew by hand is watched as the first was', () => {
  const { backOffs } = watched(3_000, (step, factor) =>
    report(step, { lambda: step < 2_000 ? -factor : -0.5, essRatio: 0.1 }),
  )
  expect(backOffs.some(({ step }) => step >= 2_000)).toBe(true)
})

test('what is remembered stays small', () => {
  const { state } = watched(5_000, (step) => report(step, { lambda: -1, meanLoss: 1 / 3 }))
  expect(JSON.stringify(state).length).toBeLessThan(700)
})
