import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { UNKNOWN_LABEL } from '../../src/samples/sample-columns.js'
import { FRESH_STATE, weigh } from '../../src/weighting/weigh-batch.js'
import { weighCandidates } from '../../src/analysis/compare-lambdas.js'
import { spreadOf } from '../../src/analysis/loss-spread.js'
import { forWrongLabels, suggestionsFor } from '../../src/analysis/lambda-suggestions.js'
import { lambdaFor, leastEven } from '../../src/analysis/lambda-for-target.js'
import { outcomeAt, type LossBatch } from '../../src/analysis/lambda-outcome.js'

function batch(
  losses: readonly number[],
  labels: readonly number[] = [],
  trueLabels: readonly number[] = [],
): LossBatch {
  const unknown = losses.map(() => UNKNOWN_LABEL)
  return {
    losses: Float32Array.from(losses),
    labels: Uint32Array.from(labels.length > 0 ? labels : unknown),
    trueLabels: Uint32Array.from(trueLabels.length > 0 ? trueLabels : unknown),
  }
}

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length
const anyBatch = fc
  .array(
    fc.record({
      loss: fc.double({ min: 0, max: 6, noNaN: true }),
      label: fc.nat(2),
      trueLabel: fc.nat(2),
    }),
    { minLength: 10, maxLength: 40 },
  )
  .map((samples) =>
    batch(
      samples.map(({ loss }) => loss),
      samples.map(({ label }) => label),
      samples.map(({ trueLabel }) => trueLabel),
    ),
  )

test('shares are those of the weights of the rule, batch by batch', () => {
  const lambda = fc.constantFrom(0.3, -0.3, 2, -2, Infinity)
  const property = fc.property(
    fc.array(anyBatch, { minLength: 1, maxLength: 4 }),
    lambda,
    (batches, lambda) => {
      const outcome = outcomeAt(batches, lambda)
      const weights = batches.map(
        ({ losses }) => weigh(Float64Array.from(losses), { lambda, gamma: 1 }, FRESH_STATE).weights,
      )
      const shareOf = (counts: (batch: LossBatch, i: number) => boolean) =>
        mean(batches.map((one, b) => weights[b]!.reduce((sum, w, i) => (counts(one, i) ? sum + w : sum), 0)))
      for (const { label, weight } of outcome.classes)
        expect(weight).toBeCloseTo(
          shareOf(({ labels }, i) => labels[i] === label),
          9,
        )
      expect(outcome.classes.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(1, 9)
      expect(outcome.classes.reduce((sum, { samples }) => sum + samples, 0)).toBeCloseTo(1, 9)
      expect(outcome.wrong!.weight).toBeCloseTo(
        shareOf(({ labels, trueLabels }, i) => labels[i] !== trueLabels[i]),
        9,
      )
      expect(outcome.maxWeight).toBeCloseTo(
        Math.max(...weights.map((each) => Math.max(...each) * each.length)),
        9,
      )
    },
  )
  fc.assert(property, { seed: 2012, numRuns: 100 })
})

test('a tenth of a batch is a tenth of its weight where lambda is off, whatever its size', () => {
  for (const n of [1, 7, 10, 32]) {
    const { hardestTenth, easiestTenth } = outcomeAt(
      [batch(Array.from({ length: n }, (_, i) => i))],
      Infinity,
    )
    expect(hardestTenth).toBeCloseTo(0.1, 12)
    expect(easiestTenth).toBeCloseTo(0.1, 12)
  }
})

test('lambda above 0 moves weight to the hardest tenth, below 0 to the easiest', () => {
  // Unsorted, so that the order of the samples cannot do it.
  const losses = [3, 0, 2, 1, 9, 4, 8, 5, 7, 6]
  const total = losses.reduce((sum, loss) => sum + Math.exp(loss), 0)
  const up = outcomeAt([batch(losses)], 1)
  expect(up.hardestTenth).toBeCloseTo(Math.exp(9) / total, 9)
  expect(up.easiestTenth).toBeCloseTo(1 / total, 9)
  const down = outcomeAt([batch(losses)], -1)
  expect(down.easiestTenth).toBeCloseTo(up.hardestTenth, 9)
  expect(down.hardestTenth).toBeCloseTo(up.easiestTenth, 9)
})

test('nothing is said of classes and truth that are not known', () => {
  expect(outcomeAt([batch([1, 2])], -1)).toMatchObject({ classes: [], wrong: undefined })
  expect(outcomeAt([batch([1, 2], [0, 1])], -1).wrong).toBeUndefined()
})

test('a batch with losses that are not finite is left out', () => {
  const sound = batch([0, 1, 2], [0, 1, 1])
  expect(outcomeAt([batch([NaN, 1], [5, 5]), sound], -1)).toEqual(outcomeAt([sound], -1))
})

describe('the lambda for a target', () => {
  const batches = [batch([0, 1, 2, 3]), batch([0, 0.5, 4, 4])]

  test.each([1, -1] as const)('of sign %s meets it', (sign) => {
    const forEss = lambdaFor(batches, { ess: 0.7 }, sign)!
    expect(Math.sign(forEss)).toBe(sign)
    expect(outcomeAt(batches, forEss).essRatio).toBeCloseTo(0.7, 7)
    const forKl = lambdaFor(batches, { kl: 0.3 }, sign)!
    expect(outcomeAt(batches, forKl).kl).toBeCloseTo(0.3, 7)
  })

  test('does not depend on the unit of the losses', () => {
    const tiny = batches.map(({ losses }) => batch([...losses].map((loss) => loss / 2 ** 40)))
    expect(lambdaFor(tiny, { ess: 0.7 }, -1)! * 2 ** 40).toBeCloseTo(lambdaFor(batches, { ess: 0.7 }, -1)!, 7)
  })

  test('is off where even weights are asked for', () => {
    expect(lambdaFor(batches, { ess: 1 }, -1)).toBe(-Infinity)
    expect(lambdaFor(batches, { kl: 0 }, 1)).toBe(Infinity)
    expect(lambdaFor([batch([2, 2])], { ess: 1 }, 1)).toBe(Infinity)
  })

  test('does not exist beyond what one sample alone gives, nor for equal losses', () => {
    expect(lambdaFor(batches, { ess: 0.2 }, -1)).toBeUndefined()
    expect(lambdaFor(batches, { kl: 2 }, -1)).toBeUndefined()
    expect(leastEven(batches, -1)).toEqual({ ess: 0.25, kl: Math.log(4) })
    // Two losses share the top of the second batch.
    expect(leastEven(batches, 1).ess).toBeCloseTo((0.25 + 0.5) / 2, 12)
    expect(lambdaFor([batch([2, 2])], { ess: 0.6 }, -1)).toBeUndefined()
    expect(leastEven([batch([2, 2])], -1)).toEqual({ ess: 1, kl: 0 })
  })
})

describe('candidates', () => {
  const batches = [batch([0, 1, 2, 3]), batch([0, 0.5, 4, 4])]

  test('stand beside the lambda applied, whatever they ask for', () => {
    const { now, outcomes } = weighCandidates(batches, [{ lambda: -1 }, { ess: 0.7 }], { lambda: -3 })
    expect(now).toEqual(outcomeAt(batches, -3))
    expect(outcomes[0]).toEqual(outcomeAt(batches, -1))
    expect(outcomes[1]!.essRatio).toBeCloseTo(0.7, 7)
  })

  test('may have no outcome, and nothing to stand beside', () => {
    const { now, outcomes } = weighCandidates(batches, [{ ess: 0.2 }, { lambda: 1 }], { lambda: undefined })
    expect(now).toBeUndefined()
    expect(outcomes).toEqual([undefined, outcomeAt(batches, 1)])
  })

  test('of a target are on the side of the lambda applied, below 0 where that is off', () => {
    const sideOf = (lambda: number, sign?: 1 | -1) => {
      const applied = sign === undefined ? { lambda } : { lambda, sign }
      return Math.sign(weighCandidates(batches, [{ kl: 0.3 }], applied).outcomes[0]!.lambda)
    }
    expect([sideOf(2), sideOf(-2), sideOf(Infinity), sideOf(2, -1)]).toEqual([1, -1, -1, -1])
  })
})

describe('suggestions', () => {
  const batches = [batch([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]), batch([NaN]), batch([10])]

  test('name the ratios 0.9, 0.8 and 0.6 on either side of 0', () => {
    const found = suggestionsFor(batches)
    expect(found.map(({ ess, sign }) => sign * ess)).toEqual([-0.9, -0.8, -0.6, 0.9, 0.8, 0.6])
    for (const { ess, sign, outcome } of found) {
      expect(outcome!.essRatio).toBeCloseTo(ess, 7)
      expect(Math.sign(outcome!.lambda)).toBe(sign)
    }
  })

  test('leave for wrong labels as many samples as are right', () => {
    const { outcome, sign } = forWrongLabels(batches, 0.3)
    expect(sign).toBe(-1)
    expect(outcome!.essRatio).toBeCloseTo(0.7, 7)
  })

  test('for wrong labels stay away from 0 where losses nearly coincide', () => {
    const alike = [batch([0, 0.01, 0.02, 0.03])]
    const { ess, outcome, unbounded } = forWrongLabels(alike, 0.3)
    expect(outcome).toEqual(outcomeAt(alike, -0.5))
    expect(ess).toBeCloseTo(0.7, 12)
    expect(outcomeAt(alike, unbounded!).essRatio).toBeCloseTo(0.7, 7)
    expect(forWrongLabels(batches, 0.3).unbounded).toBeUndefined()
    expect(forWrongLabels([batch([2, 2])], 0.3)).toMatchObject({ outcome: undefined, unbounded: undefined })
  })

  test('stand beside the spread of the losses', () => {
    const spread = spreadOf(batches)
    expect(spread).toMatchObject({ median: 5, p10: 1, p90: 9 })
    // 8.25 in the first, 0 in the other.
    expect(spread.deviation).toBeCloseTo(Math.sqrt(8.25 / 2), 12)
    const far = outcomeAt([batches[0]!], 50)
    expect(far.essRatio).toBeCloseTo(1 / (1 + 8.25 / 50 ** 2), 4)
  })
})
