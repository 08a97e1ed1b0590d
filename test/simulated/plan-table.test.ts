import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Plan } from '../../src/record/record.js'
import {
  beginAttempt,
  EMPTY_TABLE,
  plannedStep,
  plannedThrough,
  withPlan,
  type PlanTable,
} from '../../src/simulated/plan-table.js'

function plan(planSeq: number, firstStep: number, count: number): Plan {
  const values = Float64Array.from({ length: count }, (_, i) => 1000 * planSeq + firstStep + i)
  const columns = { mine: values, lr: Float64Array.of(planSeq) }
  return {
    type: 'plan',
    leaseEpoch: 1,
    attempt: 1,
    runSteps: 0,
    events: [],
    planSeq,
    firstStep,
    count,
    columns,
  }
}

function tableOf(plans: readonly Plan[], begun = 0): PlanTable {
  const table = { ...beginAttempt(EMPTY_TABLE, 1, 0), begun }
  return plans.reduce((before, next) => withPlan(before, next)!.table, table)
}

test('every step uses the plan with the highest sequence, in whatever order the plans came', () => {
  const anyPlan = fc
    .tuple(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 0, max: 20 }), fc.integer({ min: 2, max: 9 }))
    .map(([seq, first, count]) => plan(seq, first, count))
  const plans = fc.uniqueArray(anyPlan, { selector: ({ planSeq }) => planSeq, maxLength: 8 })
  fc.assert(
    fc.property(plans, fc.integer({ min: 0, max: 30 }), (given, step) => {
      const table = tableOf(given)
      const covering = given.filter(({ firstStep, count }) => firstStep <= step && step < firstStep + count)
      const highest = covering.toSorted((a, b) => b.planSeq - a.planSeq)[0]
      const row = plannedStep(table, step)?.row
      expect(row).toEqual(
        highest === undefined ? undefined : { mine: 1000 * highest.planSeq + step, lr: highest.planSeq },
      )
      const through = plannedThrough({ ...table, begun: step })
      for (let covered = step; covered < through; covered++) expect(plannedStep(table, covered)).toBeDefined()
      expect(plannedStep(table, through)).toBeUndefined()
    }),
  )
})

test('a plan takes effect from the first step that has not begun, and plans of earlier steps are dropped', () => {
  const table = tableOf([plan(1, 0, 10)], 7)
  expect(withPlan(table, plan(2, 0, 20))?.effectiveFrom).toBe(7)
  expect(withPlan(table, plan(2, 9, 20))?.effectiveFrom).toBe(9)
  const later = withPlan({ ...table, begun: 10 }, plan(2, 10, 5))?.table
  expect(later?.plans.map(({ planSeq }) => planSeq)).toEqual([2])
})

test('events come from the plan of the used row, evaluation first and each once', () => {
  const events = (['checkpoint', 'evaluate', 'evaluate'] as const).map((kind) => ({ afterStep: 3, kind }))
  const table = tableOf([{ ...plan(1, 0, 10), events }])
  expect(plannedStep(table, 3)?.events).toEqual(['evaluate', 'checkpoint'])
  expect(plannedStep(table, 4)?.events).toEqual([])
  expect(plannedStep(withPlan(table, plan(2, 0, 10))!.table, 3)?.events).toEqual([])
})

test('the newest plan gives the length of the run, and another attempt drops all rows', () => {
  const table = tableOf([
    { ...plan(2, 0, 10), runSteps: 100 },
    { ...plan(1, 0, 10), runSteps: 50 },
  ])
  expect(table.runSteps).toBe(100)
  const restored = beginAttempt(table, 2, 4)
  expect(plannedStep(restored, 4)).toBeUndefined()
  expect(withPlan(restored, plan(3, 4, 5))).toBeUndefined()
  expect(withPlan(restored, { ...plan(3, 4, 5), attempt: 2 })?.effectiveFrom).toBe(4)
  expect(plannedStep(beginAttempt(table, 1, 4), 4)).toBeDefined()
})
