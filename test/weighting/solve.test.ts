import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { essRatioOfAppliedWeights, klBeforeClassFactor } from '../../src/weighting/diagnostics.js'
import { FRESH_STATE, weigh } from '../../src/weighting/rule.js'
import { essRatioAt, klAt, solveEss, solveKl, type SolveOptions } from '../../src/weighting/solve.js'

/** In 64ths, so that shifting and scaling them is exact in a float32. */
const loss = fc.integer({ min: 0, max: 64 * 8 }).map((value) => value / 64)
const batch = fc.array(loss, { minLength: 1, maxLength: 40 }).map((values) => Float32Array.from(values))
const spreadBatch = batch.filter((losses) => new Set(losses).size > 1)
const window = fc.array(spreadBatch, { minLength: 1, maxLength: 6 })
const size = fc.double({ min: -3, max: 5, noNaN: true }).map((exponent) => 10 ** exponent)
const sign = fc.constantFrom(1 as const, -1 as const)
const share = fc.double({ min: 0.01, max: 0.999, noNaN: true })
const RUNS = { seed: 2012, numRuns: 200 }
const WIDE = { min: 1e-4, max: 1e4 }

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length
const mapped = (batches: readonly Float32Array[], change: (loss: number) => number) =>
  batches.map((losses) => losses.map(change))

test('ESS and KL at a lambda are those of the rule of weights', () => {
  const property = fc.property(batch, size, sign, (losses, size, sign) => {
    const lambda = sign * size
    const { statistics } = weigh(Float64Array.from(losses), { lambda, gamma: 1 }, FRESH_STATE)
    expect(essRatioAt(losses, lambda)).toBeCloseTo(essRatioOfAppliedWeights(statistics), 9)
    expect(klAt(losses, lambda)).toBeCloseTo(klBeforeClassFactor(statistics, lambda), 9)
  })
  fc.assert(property, RUNS)
})

test('with lambda off, and for a batch of one, weights are even', () => {
  for (const lambda of [Infinity, -Infinity]) {
    expect(essRatioAt(Float32Array.of(1, 2, 9), lambda)).toBe(1)
    expect(klAt(Float32Array.of(1, 2, 9), lambda)).toBe(0)
  }
  expect(essRatioAt(Float32Array.of(7), -0.1)).toBe(1)
  expect(klAt(Float32Array.of(7), 0.1)).toBe(0)
})

test('losses far apart at a tiny lambda leave one sample', () => {
  const losses = Float32Array.of(-3e38, 0, 1, 3e38)
  for (const lambda of [1e-300, -1e-300]) {
    expect(essRatioAt(losses, lambda)).toBe(0.25)
    expect(klAt(losses, lambda)).toBeCloseTo(Math.log(4), 12)
  }
})

test('ESS does not fall and KL does not rise with |lambda|', () => {
  const property = fc.property(batch, size, size, sign, (losses, a, b, sign) => {
    const [small, large] = [sign * Math.min(a, b), sign * Math.max(a, b)]
    expect(essRatioAt(losses, large)).toBeGreaterThanOrEqual(essRatioAt(losses, small) - 1e-12)
    expect(klAt(losses, large)).toBeLessThanOrEqual(klAt(losses, small) + 1e-12)
  })
  fc.assert(property, RUNS)
})

test('turning losses over is turning lambda over', () => {
  const property = fc.property(window, size, share, sign, (batches, size, target, sign) => {
    const turned = mapped(batches, (loss) => -loss)
    expect(essRatioAt(turned[0]!, -size)).toBe(essRatioAt(batches[0]!, size))
    expect(klAt(turned[0]!, -size)).toBe(klAt(batches[0]!, size))
    for (const solve of [solveEss, solveKl]) {
      const there = solve(batches, target, { ...WIDE, sign })
      const back = solve(turned, target, { ...WIDE, sign: sign === 1 ? -1 : 1 })
      expect(back).toEqual({ ...there, lambda: -there.lambda })
    }
  })
  fc.assert(property, RUNS)
})

test('a shift of the losses changes nothing, a scale is a scale of lambda', () => {
  const property = fc.property(window, share, sign, loss, (batches, target, sign, shift) => {
    for (const solve of [solveEss, solveKl]) {
      const { lambda } = solve(batches, target, { ...WIDE, sign })
      expect(
        solve(
          mapped(batches, (loss) => loss + shift),
          target,
          { ...WIDE, sign },
        ).lambda,
      ).toBe(lambda)
      const scaled = { sign, min: WIDE.min * 4, max: WIDE.max * 4 }
      expect(
        solve(
          mapped(batches, (loss) => loss * 4),
          target,
          scaled,
        ).lambda,
      ).toBe(lambda * 4)
    }
  })
  fc.assert(property, RUNS)
})

test('the target is met, or a bound is, and says on which side', () => {
  const bounds = fc.constantFrom(WIDE, { min: 0.5, max: 20 }, { min: 1, max: 2 })
  let met = 0
  const property = fc.property(window, share, sign, bounds, (batches, target, sign, bounds) => {
    const options: SolveOptions = { ...bounds, sign }
    const ess = (lambda: number) => mean(batches.map((losses) => essRatioAt(losses, lambda)))
    const kl = (lambda: number) => mean(batches.map((losses) => klAt(losses, lambda)))
    const cases = [
      { solution: solveEss(batches, target, options), at: ess },
      { solution: solveKl(batches, target, options), at: (lambda: number) => -kl(lambda), negated: true },
    ]
    for (const { solution, at, negated } of cases) {
      const wanted = negated === true ? -target : target
      expect(Math.sign(solution.lambda)).toBe(sign)
      if (solution.saturated === undefined) {
        met += 1
        expect(at(solution.lambda)).toBeCloseTo(wanted, 7)
        expect(Math.abs(solution.lambda)).toBeGreaterThanOrEqual(bounds.min)
        expect(Math.abs(solution.lambda)).toBeLessThanOrEqual(bounds.max)
      } else if (solution.saturated === 'min') {
        expect(solution.lambda).toBe(sign * bounds.min)
        expect(at(solution.lambda)).toBeGreaterThan(wanted)
      } else {
        expect(solution.lambda).toBe(sign * bounds.max)
        expect(at(solution.lambda)).toBeLessThan(wanted)
      }
    }
  })
  fc.assert(property, RUNS)
  expect(met).toBeGreaterThan(100)
})

describe('where there is nothing to solve:', () => {
  const options: SolveOptions = { sign: -1, min: 0.5, max: 20 }
  const open = { lambda: -20, saturated: 'max' }
  const cases: readonly (readonly [string, readonly Float32Array[]])[] = [
    ['no batch', []],
    ['equal losses', [Float32Array.of(2, 2, 2), Float32Array.of(5, 5)]],
    ['batches of one', [Float32Array.of(1), Float32Array.of(9)]],
    ['empty batches', [new Float32Array(0)]],
    ['losses that are not finite alone', [Float32Array.of(1, NaN), Float32Array.of(1, Infinity)]],
  ]
  test.each(cases)('%s give the largest |lambda|', (_title, batches) => {
    expect(solveEss(batches, 0.6, options)).toEqual(open)
    expect(solveKl(batches, 0.5, options)).toEqual(open)
  })
})

test('batches that are empty or not finite count for nothing', () => {
  const sound = [Float32Array.of(0, 1, 2, 3), Float32Array.of(0, 0, 4)]
  const options: SolveOptions = { ...WIDE, sign: 1 }
  const among = [sound[0]!, Float32Array.of(0, NaN, 3), new Float32Array(0), sound[1]!]
  expect(solveEss(among, 0.6, options)).toEqual(solveEss(sound, 0.6, options))
  expect(solveKl(among, 0.3, options)).toEqual(solveKl(sound, 0.3, options))
})

test('a batch of one counts as even', () => {
  const losses = Float32Array.of(0, 1, 2, 3)
  const { lambda } = solveEss([losses, Float32Array.of(7)], 0.8, { ...WIDE, sign: 1 })
  expect(essRatioAt(losses, lambda)).toBeCloseTo(0.6, 7)
})

test('a ratio of 1 is beyond every lambda', () => {
  expect(solveEss([Float32Array.of(0, 3)], 1, { ...WIDE, sign: -1 })).toEqual({
    lambda: -1e4,
    saturated: 'max',
  })
})

test('the losses are left as they are, and the same losses give the same bits', () => {
  const batches = [Float32Array.of(3, 1, 2), Float32Array.of(0.1, 7, 0.3)]
  const before = mapped(batches, (loss) => loss)
  const first = solveEss(batches, 0.7, { ...WIDE, sign: -1 })
  expect(batches).toEqual(before)
  expect(solveEss(before, 0.7, { ...WIDE, sign: -1 })).toEqual(first)
})
