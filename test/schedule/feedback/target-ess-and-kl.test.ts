import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compile } from '../../../src/schedule/compile-schedule.js'
import { epochs } from '../../../src/schedule/duration.js'
import { targetEss, targetKl, type TargetOptions } from '../../../src/schedule/feedback/target-ess-and-kl.js'
import { essRatioAt, klAt, solveEss } from '../../../src/weighting/solve-lambda.js'
import { drive, marksOf, report, ruleOf } from './reports.js'

const usual: TargetOptions & { ratio: number } = { ratio: 0.6, sign: -1, min: 0.5, max: 20, after: 10 }
/** Even losses from 0 to `spread`. */
const losses = (spread: number, n = 32) => Float32Array.from({ length: n }, (_, i) => (spread * i) / (n - 1))
const steady = (spread: number) => (step: number) => report(step, { losses: losses(spread) })

describe('a target is refused', () => {
  const options = (given: Record<string, unknown>) => ({ ...usual, ...given }) as typeof usual
  test.each([
    ['without an off phase', { after: undefined }, /begins at once/],
    ['with an off phase of nothing', { after: epochs(0) }, /begins at once/],
    ['without a lower bound', { min: undefined }, /within undefined to 20/],
    ['with a lower bound of 0', { min: 0 }, /within 0 to 20/],
    ['with its bounds turned round', { min: 5, max: 2 }, /within 5 to 2/],
    ['without an upper bound', { max: Infinity }, /within 0.5 to Infinity/],
    ['of both signs', { sign: 0 }, /sign of targetEss is 0/],
    ['of a ratio of 1', { ratio: 1 }, /ratio of targetEss is 1/],
    ['of a ratio of 0', { ratio: 0 }, /ratio of targetEss is 0/],
    ['that cannot change', { maxChange: 1 }, /maxChange of targetEss is 1/],
    ['without a lag', { lag: 0 }, /lag of targetEss is 0/],
    ['with half a window', { window: 1.5 }, /window of targetEss is 1.5/],
    ['that is never decided', { every: Infinity }, /every of targetEss is Infinity/],
  ])('%s', (_title, given, message) => {
    expect(() => targetEss(options(given))).toThrow(
      expect.objectContaining({
        code: 'experiment',
        message: expect.stringMatching(message) as string,
        hint: expect.any(String) as string,
      }),
    )
  })

  test('of no divergence', () => {
    for (const kl of [0, -1, Infinity, NaN])
      expect(() => targetKl({ ...usual, kl })).toThrow(/kl of targetKl is/)
  })
})

test('lambda is off until the target begins, and begins at the largest', () => {
  for (const schedule of [targetEss(usual), targetKl({ ...usual, kl: 0.3 })]) {
    const value = compile(schedule, { stepsPerEpoch: 0, runSteps: 0 })
    expect([value(0), value(9), value(10)]).toEqual([Infinity, Infinity, -20])
  }
})

test('lambda comes to where the mean of the batches meets the target', () => {
  for (const sign of [1, -1] as const) {
    const ess = drive(ruleOf(targetEss({ ...usual, sign })), 1_000, steady(6)).at(-1)!
    expect(essRatioAt(losses(6), ess.value)).toBeCloseTo(0.6, 6)
    const kl = drive(ruleOf(targetKl({ ...usual, sign, kl: 0.3 })), 1_000, steady(6)).at(-1)!
    expect(klAt(losses(6), kl.value)).toBeCloseTo(0.3, 6)
  }
})

test('what counts are the batches of the window, not one of all their losses', () => {
  const window = [0, 1].map((i) => report(i, { losses: losses(4).map((loss) => loss + 50 * i) }))
  const rule = ruleOf(targetEss({ ...usual, maxChange: 1e3 }))
  const solved = solveEss([losses(4)], 0.6, usual).lambda
  expect(rule.decide(window, rule.start, 200).value).toBeCloseTo(solved, 6)
})

test('lambda stays where no losses were recorded', () => {
  const rule = ruleOf(targetEss(usual))
  const { state, value } = rule.decide([report(0, { losses: losses(6) })], rule.start, 200)
  for (const window of [[], [report(9)]]) expect(rule.decide(window, state, 300)).toEqual({ state, value })
})

test('lambda keeps its sign and bounds, and changes by no more than it may, whatever is reported', () => {
  const loss = fc.oneof(fc.double({ min: 0, max: 200, noNaN: true }), fc.constantFrom(0, NaN, Infinity))
  const window = fc.array(fc.array(loss, { maxLength: 12 }), { maxLength: 4 })
  const property = fc.property(
    fc.array(window, { maxLength: 30 }),
    fc.constantFrom(1 as const, -1 as const),
    fc.double({ min: 1.01, max: 3, noNaN: true }),
    (windows, sign, maxChange) => {
      const rule = ruleOf(targetEss({ ...usual, sign, maxChange }))
      let [state, before] = [rule.start, rule.initial]
      for (const batches of windows) {
        const reports = batches.map((batch, i) => report(i, { losses: Float32Array.from(batch) }))
        const decision = rule.decide(reports, state, 500)
        expect(rule.decide(reports, state, 500)).toEqual(decision)
        expect(JSON.parse(JSON.stringify(decision.state))).toEqual(decision.state)
        const size = sign * decision.value
        expect(size).toBeGreaterThanOrEqual(usual.min)
        expect(size).toBeLessThanOrEqual(usual.max)
        const change = decision.value / before
        expect(Math.max(change, 1 / change)).toBeLessThanOrEqual(maxChange * (1 + 1e-12))
        ;[state, before] = [decision.state, decision.value]
      }
    },
  )
  fc.assert(property, { seed: 2012, numRuns: 200 })
})

describe('a bound that holds lambda', () => {
  test('is marked when it begins to and when it ends, not in between', () => {
    // Losses nearly the same, as on clean labels, between wide ones.
    const decided = drive(ruleOf(targetEss(usual)), 3_000, (step) =>
      report(step, { losses: losses(step >= 1_000 && step < 2_000 ? 0.3 : 6) }),
    )
    expect(marksOf(decided)).toEqual([
      'λ is held by its min 0.5: the target lies beyond',
      'λ is within its bounds again',
    ])
    const held = decided.filter(({ saturated }) => saturated === 'min')
    expect(held.length).toBeGreaterThan(20)
    expect(held.every(({ value }) => value === -0.5)).toBe(true)
    expect(held[0]!.mark).toBeDefined()
  })

  test('from the first decision on is marked once', () => {
    const decided = drive(ruleOf(targetEss(usual)), 600, steady(500))
    expect(marksOf(decided)).toEqual(['λ is held by its max 20: the target lies beyond'])
  })

  test('is not said to end where it never held: lambda leaves its start in silence', () => {
    expect(marksOf(drive(ruleOf(targetEss(usual)), 1_000, steady(6)))).toEqual([])
  })

  test('is the lower one on losses that are nearly the same', () => {
    const last = drive(ruleOf(targetEss(usual)), 1_000, steady(0.3)).at(-1)
    expect(last).toMatchObject({ value: -0.5, saturated: 'min' })
  })
})
