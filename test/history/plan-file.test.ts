import { describe, expect, test } from 'vitest'
import { planFileOf, planFileText } from '../../src/history/plan-file.js'

describe('a plan as a file', () => {
  test('has a piece for every step at which a control changes, bit for bit', () => {
    const lambda = [Infinity, Infinity, -5, -5, -0.1 - 0.2, -0.1 - 0.2]
    const plan = planFileOf('digits', { first: 0, to: 6 }, (first, count) => ({
      lambda: lambda.slice(first, first + count),
      gamma: [0.9],
    }))
    expect(JSON.parse(planFileText(plan))).toEqual({
      format: 1,
      experiment: 'digits',
      runSteps: 6,
      controls: {
        lambda: [
          [0, 'Infinity'],
          [2, -5],
          [4, -0.30000000000000004],
        ],
        gamma: [[0, 0.9]],
      },
    })
  })

  test('is the same in however many blocks rows are asked for, and passes over steps without a value', () => {
    const steps = 200_000
    const asked: number[] = []
    const plan = planFileOf('long', { first: 10, to: steps }, (first, count) => {
      asked.push(count)
      return {
        lr: Float64Array.from({ length: count }, (_, i) => (first + i < 100_000 ? NaN : 0.1)),
        moving: Float64Array.from({ length: count }, (_, i) => first + i),
      }
    })
    expect(asked.length).toBeGreaterThan(2)
    expect(plan.controls['lr']).toEqual([[100_000, 0.1]])
    expect(plan.controls['moving']).toHaveLength(steps - 10)
    expect(plan.runSteps).toBe(steps)
  })
})
