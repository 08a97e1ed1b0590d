import { describe, expect, test } from 'vitest'
import {
  measurePace,
  nextPlans,
  PLAN_ROWS,
  reachOf,
  startPace,
  type RowSource,
} from '../../../src/controller/state/plans.js'

const rising = (runSteps: number): RowSource => ({
  runSteps,
  rows: (first, count) => ({ lambda: Float64Array.from({ length: count }, (_, i) => first + i + 1) }),
  events: (first, count) => (first <= 10 && 10 < first + count ? [{ afterStep: 10, kind: 'evaluate' }] : []),
})

function plansFor(source: RowSource, step: number, reach: number, sentThrough = 0) {
  const input = { source, leaseEpoch: 1, attempt: 1, step, reach }
  return nextPlans({ planSeq: 0, sentThrough }, input)
}

/** Every row as the worker would apply it. */
function rowsOf(plans: ReturnType<typeof plansFor>['plans']): number[] {
  return plans.flatMap(({ columns }) => [...(columns['lambda'] ?? [])])
}

describe('plans', () => {
  test('cover every step up to the reach, without gaps or overlaps', () => {
    const { plans, planning } = plansFor(rising(1_000_000), 5000, 10_000, 3000)
    expect(planning.sentThrough).toBeGreaterThanOrEqual(15_000)
    expect(rowsOf(plans)).toEqual(Array.from({ length: planning.sentThrough - 3000 }, (_, i) => 3001 + i))
  })

  test('never go beyond the end of the run', () => {
    const { plans, planning } = plansFor(rising(1860), 0, 65_536)
    expect(planning.sentThrough).toBe(1860)
    expect(plans.map(({ firstStep, count }) => [firstStep, count])).toEqual([[0, 1860]])
  })

  test('end at multiples of 4,096, whatever the worker’s position was', () => {
    const source = rising(100_000)
    const oneGo = plansFor(source, 0, 30_000).plans
    const parts: typeof oneGo = []
    let planning = { planSeq: 0, sentThrough: 0 }
    const piecewise = [...parts]
    for (const step of [0, 17, 4095, 9000, 9001, 20_000]) {
      const next = nextPlans(planning, { source, leaseEpoch: 1, attempt: 1, step, reach: 10_000 })
      planning = next.planning
      piecewise.push(...next.plans)
    }
    const shared = Math.min(oneGo.length, piecewise.length)
    expect(shared).toBeGreaterThan(5)
    expect(piecewise.slice(0, shared)).toEqual(oneGo.slice(0, shared))
    expect(oneGo.every(({ firstStep }) => firstStep % PLAN_ROWS === 0)).toBe(true)
  })

  test('of a run until it is stopped have no end', () => {
    const { planning } = plansFor(rising(0), 1e6, 4096, 1e6)
    expect(planning.sentThrough).toBeGreaterThanOrEqual(1e6 + 4096)
  })

  test('have only the events of their own steps', () => {
    const { plans } = plansFor(rising(10_000), 0, 10_000)
    expect(plans.map(({ events }) => events.length)).toEqual([1, 0, 0])
  })

  test('are not made twice for the same steps', () => {
    const first = plansFor(rising(10_000), 0, 4096)
    const again = nextPlans(first.planning, {
      source: rising(10_000),
      leaseEpoch: 1,
      attempt: 1,
      step: 0,
      reach: 4096,
    })
    expect(again.plans).toEqual([])
  })
})

describe('the reach', () => {
  test('is ten minutes of steps at the measured pace', () => {
    const pace = measurePace(startPace(0, 0), 10_000, 200)
    expect(pace.stepsPerSecond).toBe(20)
    expect(reachOf(pace)).toBe(12_000)
  })

  test('stays between 4,096 and 262,144 rows', () => {
    expect(reachOf(measurePace(startPace(0, 0), 10_000, 1))).toBe(4096)
    expect(reachOf(measurePace(startPace(0, 0), 10_000, 1_000_000))).toBe(262_144)
  })

  test('keeps the last pace through a pause', () => {
    const moving = measurePace(startPace(0, 0), 10_000, 200)
    expect(measurePace(moving, 90_000, 200).stepsPerSecond).toBe(20)
  })
})
