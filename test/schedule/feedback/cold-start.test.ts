import { describe, expect, test } from 'vitest'
import { GUARD as WITH_COLD } from '../../../src/schedule/feedback/guard.js'
import type { ReportedStep } from '../../../src/schedule/feedback/rule.js'
import { report } from './reports.js'
import { watched } from './watched.js'

describe('a run that starts with a small λ < 0', () => {
  test('is watched more closely for its first steps: sooner, and by more', () => {
    const narrow = (step: number) => report(step, { lambda: -0.5, essRatio: step < 10 ? 0.95 : 0.05 })
    expect(watched(16, narrow, WITH_COLD).backOffs).toMatchObject([{ step: 12, from: 16, factor: 64 }])
    const ramped = (step: number) => ({ ...narrow(step), lambda: step === 0 ? -5 : -0.5 })
    expect(watched(16, ramped, WITH_COLD).backOffs).toEqual([])
  })

  test('is watched as any other where the model was trained before, whose losses differ from the first batch on', () => {
    const trained = (step: number) => report(step, { lambda: -0.5, essRatio: step < 10 ? 0.85 : 0.05 })
    expect(watched(40, trained, WITH_COLD).backOffs).toMatchObject([{ step: 29, factor: 4 }])
  })

  test('is watched as any other for λ > 0, whose few hard samples may well be of one class for three steps of small batches', () => {
    const hard = (step: number) =>
      report(step, {
        lambda: 0.7,
        essRatio: step === 0 ? 0.95 : 0.3,
        topClassMass: 0.91,
        topClassShare: 0.38,
      })
    expect(watched(19, hard, WITH_COLD).backOffs).toEqual([])
    expect(watched(20, hard, WITH_COLD).backOffs).toMatchObject([{ step: 19, factor: 4 }])
  })

  test('is watched as any other after them', () => {
    const late = (step: number) => report(step, { lambda: -0.5, essRatio: step < 300 ? 0.85 : 0.05 })
    expect(watched(330, late, WITH_COLD).backOffs).toMatchObject([
      { step: 319, from: 319 + WITH_COLD.lag, factor: 4 },
    ])
  })

  test('is one whose |λ| is below the first mean loss, in whatever unit', () => {
    const seen = (lambda: number, unit: number, classes: number) => {
      const apart = (step: number) =>
        report(step, { lambda, meanLoss: unit * Math.log(classes), essRatio: step < 10 ? 0.95 : 0.5 })
      return watched(30, apart, WITH_COLD).backOffs[0]?.step
    }
    for (const unit of [0.01, 1, 100]) {
      for (const classes of [2, 10, 1_000, 10_000]) {
        const scale = unit * Math.log(classes)
        expect(seen(-0.9 * scale, unit, classes)).toBe(12)
        expect(seen(-1.1 * scale, unit, classes)).toBeUndefined()
      }
    }
  })

  test('has |λ| come to 16 mean losses or more', () => {
    const apart = (step: number) =>
      report(step, { lambda: -0.1, meanLoss: 6.9, essRatio: step < 10 ? 0.95 : 0.5 })
    expect(watched(30, apart, WITH_COLD).backOffs[0]).toMatchObject({ factor: 2048 })
  })

  test('of an untrained model is known by the weighted mean, where |λ| is too small for the weights to be even', () => {
    const seen = (weightedLoss: number) => {
      const apart = (step: number) =>
        report(step, { lambda: -0.05, meanLoss: 6.9, essRatio: 0.3, ...(step === 0 ? { weightedLoss } : {}) })
      return watched(19, apart, WITH_COLD).backOffs[0]?.step
    }
    expect([seen(6), seen(0.1)]).toEqual([8, undefined])
  })

  test('is one that was off before, as long as nothing is learnt', () => {
    const late = (learnt: number) => (step: number) =>
      report(step, {
        lambda: step < 50 ? Infinity : -0.5,
        meanLoss: step < 10 ? 2.3 : learnt,
        essRatio: step < 60 ? 1 : 0.6,
      })
    expect(watched(64, late(2.3), WITH_COLD).backOffs).toMatchObject([{ step: 62, factor: 128 }])
    expect(watched(64, late(1.5), WITH_COLD).backOffs).toEqual([])
  })

  test('is not judged by its first eight steps, which say little in batches of whatever size', () => {
    for (const n of [4, 8, 32, 512]) {
      const settles = (step: number) =>
        report(step, { n, lambda: -0.8, essRatio: 0.65, weightedLoss: 1.6, meanLoss: 1.73 * 0.9 ** step })
      expect([n, watched(60, settles, WITH_COLD).backOffs]).toEqual([n, []])
      const stays = (step: number) => ({ ...settles(step), meanLoss: 1.73 })
      expect([n, watched(9, stays, WITH_COLD).backOffs[0]?.step]).toEqual([n, 8])
    }
  })

  describe('backs off while its weights draw apart', () => {
    const apart = (given: (step: number) => Partial<ReportedStep>) =>
      watched(
        40,
        (step) =>
          report(step, { lambda: -0.5, meanLoss: 2.3, essRatio: step < 20 ? 0.95 : 0.7, ...given(step) }),
        WITH_COLD,
      ).backOffs.map(({ step }) => step)

    test('and nothing is learnt', () => {
      expect(apart(() => ({}))).toEqual([22, 33])
    })

    test('but not where the loss falls', () => {
      expect(apart((step) => ({ meanLoss: 2.3 * 0.99 ** step }))).toEqual([])
    })

    test('nor where they were apart from the first batch on', () => {
      expect(apart((step) => (step === 0 ? { essRatio: 0.85 } : {}))).toEqual([])
    })

    test('nor for λ > 0, which holds back on purpose what is easy', () => {
      expect(apart(() => ({ lambda: 0.5 }))).toEqual([])
    })
  })
})

describe('under a small λ > 0, which stays as it is,', () => {
  const under = (steps: number, given: (step: number) => Partial<ReportedStep>) =>
    watched(steps, (step) => report(step, { lambda: 0.1, n: 16, ...given(step) }), WITH_COLD).backOffs

  test('a run is said, once, to learn little where a few samples have held the weight for 64 steps', () => {
    const stalled = under(250, () => ({ meanLoss: 0.82, essRatio: 0.11 }))
    expect(stalled).toMatchObject([
      { step: 63, factor: 1, mark: expect.stringContaining('and little is learnt') as string },
    ])
    expect(under(250, () => ({ meanLoss: 0.82, essRatio: 0.35 }))).toEqual([])
    expect(under(250, (step) => ({ meanLoss: 0.82 * 0.99 ** step, essRatio: 0.11 }))).toEqual([])
  })

  test('a run that has learnt and loses it is said once; one that has learnt nothing has λ back off', () => {
    const risen = (learnt: number) =>
      under(250, (step) => ({
        meanLoss: step < 10 ? 0.82 : step < 40 ? learnt : 1.6,
        essRatio: step < 40 ? 0.7 : 0.2,
      }))
    expect(risen(0.3)).toMatchObject([
      { factor: 1, mark: expect.stringContaining('has risen again') as string },
    ])
    expect(risen(0.8)[0]).toMatchObject({ step: 43, factor: 256 })
  })
})
