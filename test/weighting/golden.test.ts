import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { WeightingRule } from '../../src/record/weighting-rule.js'
import type { WeighingStatistics, WeightState } from '../../src/weighting/weigh-batch.js'
import { FRESH_STATE, weigh } from '../../src/weighting/weigh-batch.js'

type Numeric = number | 'nan' | 'inf' | '-inf'
interface GoldenState {
  readonly free_energy: Numeric
  readonly kl: Numeric
  readonly lam: Numeric
  readonly seen: Numeric
}
interface GoldenStep {
  readonly losses: readonly Numeric[]
  readonly lam: Numeric
  readonly gamma: Numeric
  readonly before: GoldenState
  readonly weights: readonly Numeric[]
  readonly state: GoldenState
  readonly statistics: Readonly<Record<string, Numeric>>
}

interface GoldenSequence {
  readonly name: string
  /** Absent in the vectors of the preset `default`. */
  readonly preset?: 'paper' | 'reference'
  readonly alpha?: number
  readonly floor?: boolean
  readonly steps: readonly GoldenStep[]
}

const sequences = ['weights.json', 'presets.json'].flatMap((name) => {
  const file = new URL(`../../proto/golden/${name}`, import.meta.url)
  return JSON.parse(readFileSync(file, 'utf8')) as GoldenSequence[]
})

function ruleOf({ preset, alpha = 1, floor = false }: GoldenSequence): WeightingRule {
  if (preset === undefined) return { preset: 'default' }
  return preset === 'reference' ? { preset, alpha, floor } : { preset }
}

const SPELLED = { nan: NaN, inf: Infinity, '-inf': -Infinity }
const value = (number: Numeric): number => (typeof number === 'number' ? number : SPELLED[number])

const stateOf = (state: GoldenState): WeightState => ({
  freeEnergy: value(state.free_energy),
  kl: value(state.kl),
  lambda: value(state.lam),
  seen: value(state.seen),
})

const NAMES: Readonly<Record<keyof WeighingStatistics, string>> = {
  n: 'n',
  m: 'm',
  sumW: 'sum_w',
  sumW2: 'sum_w2',
  sumWL: 'sum_wl',
  maxW: 'max_w',
  meanLoss: 'mean_loss',
  freeEnergy: 'free_energy',
  capped: 'capped',
  nonFinite: 'non_finite',
}

/** 1e-12 relative; `floor` allows differences of larger numbers their rounding. */
function expectClose(actual: number, expected: number, what: string, relative = 1e-12, floor = 1e-15): void {
  if (!Number.isFinite(expected)) expect(actual, what).toBe(expected)
  else
    expect(Math.abs(actual - expected), what).toBeLessThanOrEqual(
      Math.max(floor, relative * Math.abs(expected)),
    )
}

describe.each(sequences)('$name', (sequence) => {
  const { steps } = sequence
  const rule = ruleOf(sequence)

  test('each step from its recorded state gives what the vectors say', () => {
    for (const [index, step] of steps.entries()) {
      const controls = { lambda: value(step.lam), gamma: value(step.gamma) }
      const weighed = weigh(Float64Array.from(step.losses, value), controls, stateOf(step.before), rule)

      expect(weighed.weights.length).toBe(step.weights.length)
      for (const [i, weight] of step.weights.entries()) {
        expectClose(weighed.weights[i]!, value(weight), `weight ${i} of step ${index}`, 1e-12, 1e-300)
      }
      for (const name of Object.keys(NAMES) as (keyof WeighingStatistics)[]) {
        expectClose(
          weighed.statistics[name],
          value(step.statistics[NAMES[name]]!),
          `${name} of step ${index}`,
        )
      }
      const state = stateOf(step.state)
      for (const name of Object.keys(state) as (keyof WeightState)[]) {
        expectClose(weighed.state[name], state[name], `${name} after step ${index}`)
      }
    }
  })

  test('the whole sequence run in one go ends in the golden state', () => {
    const end = steps.reduce(
      (state, step) =>
        weigh(
          Float64Array.from(step.losses, value),
          { lambda: value(step.lam), gamma: value(step.gamma) },
          state,
          rule,
        ).state,
      FRESH_STATE,
    )
    const expected = stateOf(steps.at(-1)!.state)
    for (const name of Object.keys(expected) as (keyof WeightState)[]) {
      expectClose(end[name], expected[name], name, 1e-10)
    }
  })
})

test('the vectors cover every side of the rule', () => {
  const all = sequences.flatMap(({ steps }) => steps)
  const statistics = (name: string) => new Set(all.map((step) => step.statistics[name]))
  expect(statistics('capped')).toEqual(new Set([-1, 0, 1]))
  expect(statistics('non_finite').size).toBeGreaterThan(1)
  expect(new Set(all.map((step) => Math.sign(value(step.lam))))).toEqual(new Set([-1, 1]))
  expect(all.some((step) => step.lam === 'inf')).toBe(true)
  expect(all.some((step) => step.gamma === 1)).toBe(true)
  expect(new Set(sequences.map(({ preset }) => preset))).toEqual(new Set([undefined, 'paper', 'reference']))
  expect(new Set(sequences.map(({ floor }) => floor))).toEqual(new Set([undefined, false, true]))
})
