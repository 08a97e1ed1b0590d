import { describe, expect, test } from 'vitest'
import { drawOf, isReported, outcomeOf, type Outcome } from '../../../bench/guard/collapses.js'
import { trainToy, type Toy } from '../../../bench/guard/toy-training.js'
import { GUARD } from '../../../src/schedule/feedback/guard.js'

/** A head of 1,000 classes on data of ten, in batches of 8. */
const HEAD: Toy = { classes: 1_000, used: 10, batch: 8, lr: 0.03, noise: 0, offset: 3, scale: 1, seed: 3 }

describe('a classifier of 1,000 classes in batches of 8 under λ = -2 from step 0', () => {
  const last = (losses: readonly number[]) => losses.slice(-10).reduce((a, b) => a + b, 0) / 10
  const lambda = () => -2 * HEAD.scale

  test('collapses while its own weighted loss falls; without λ it learns', () => {
    const bare = trainToy(HEAD, { steps: 60, lambda })
    const first = bare.reports[0]!.meanLoss
    expect(last(bare.cleanLosses)).toBeGreaterThan(2 * first)
    expect(Math.min(...bare.weightedLosses)).toBeLessThan(0.01 * first)
    expect(last(trainToy(HEAD, { steps: 60, lambda: () => Infinity }).cleanLosses)).toBeLessThan(0.5 * first)
  })

  test('is seen within its first steps, and learns', () => {
    const { backOffs, cleanLosses, reports } = trainToy(HEAD, { steps: 60, lambda, guard: GUARD })
    expect(backOffs[0]!.step).toBeLessThan(10)
    expect(last(cleanLosses)).toBeLessThan(0.6 * reports[0]!.meanLoss)
  })

  test('is the same run in another unit of loss', () => {
    const scaled = { ...HEAD, scale: 0.01 }
    const [own, other] = [HEAD, scaled].map((toy) =>
      trainToy(toy, { steps: 20, lambda: () => -2 * toy.scale, guard: GUARD }).backOffs.map(
        ({ step }) => step,
      ),
    )
    expect(other).toEqual(own)
    expect(own!.length).toBeGreaterThan(0)
  })
})

test('whatever learns at λ off ends healthy, or is said to collapse within 100 steps of where it begins', () => {
  const outcomes: Outcome[] = []
  for (let seed = 0; seed < 30; seed++) {
    const outcome = outcomeOf(drawOf(seed, 2_000), 120)
    if (outcome.isHealthyOff) outcomes.push(outcome)
  }
  const silent = outcomes.filter((one) => !one.endsHealthyGuarded && !isReported(one))
  expect(silent).toEqual([])
  // So many that would collapse, and most of them learn under the guard.
  const collapses = outcomes.filter(({ endsHealthy }) => !endsHealthy)
  expect(collapses.length).toBeGreaterThan(5)
  expect(collapses.filter(({ endsHealthyGuarded }) => endsHealthyGuarded).length).toBeGreaterThan(
    collapses.length / 2,
  )
})
