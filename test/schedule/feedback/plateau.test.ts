import { describe, expect, test } from 'vitest'
import { plateau, type PlateauOptions } from '../../../src/schedule/feedback/plateau.js'
import { drive, marksOf, report, ruleOf } from './reports.js'

/** One look a step, at the step before. */
const plain = { init: 1, factor: 0.5, lag: 1, window: 1, every: 1 } as const

/** The values after each look. */
function valuesOf(options: PlateauOptions, looks: readonly number[]): readonly number[] {
  const decided = drive(ruleOf(plateau(options)), looks.length + 1, (step) =>
    report(step, { meanLoss: looks[step] ?? NaN }),
  )
  return decided.slice(1).map(({ value }) => value)
}

describe("torch's ReduceLROnPlateau changes its rate after the same looks", () => {
  // What version 2.15 printed for these metrics, in runs of equal values.
  const runs = (...lengths: readonly (readonly [number, number])[]) =>
    lengths.flatMap(([count, value]) => new Array<number>(count).fill(value))
  const falling = [5, 4, 4, 4, 4, 3.9, 4, 4, 4, 4, 4, 4, 4, 4, 3, 3, 3, 3, 3, 3]
  const rising = [0.1, 0.3, 0.3, 0.31, 0.3, 0.3, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]

  test('with patience and a threshold', () => {
    const expected = runs([4, 1], [3, 0.5], [3, 0.25], [3, 0.125], [4, 0.0625], [3, 0.03125])
    expect(valuesOf({ ...plain, patience: 2, threshold: 0.1 }, falling)).toEqual(expected)
  })

  test('with a cooldown', () => {
    const expected = runs([3, 1], [5, 0.5], [5, 0.25], [5, 0.125], [2, 0.0625])
    expect(valuesOf({ ...plain, patience: 1, cooldown: 3 }, falling)).toEqual(expected)
  })

  test('where the metric is to rise, down to a lowest value', () => {
    const options = {
      ...plain,
      goal: 'maximize',
      patience: 1,
      cooldown: 1,
      threshold: 0.1,
      min: 0.2,
    } as const
    expect(valuesOf(options, rising)).toEqual(runs([3, 1], [5, 0.5], [3, 0.25], [2, 0.2]))
  })
})

test('a metric of steps is its mean over the window, once a decision', () => {
  const options = {
    init: 1,
    lag: 2,
    window: 4,
    every: 4,
    metric: 'grad',
    goal: 'maximize',
    patience: 0,
  } as const
  // Three reports, then four: their sum has grown, their mean has not.
  const decided = drive(ruleOf(plateau(options)), 12, (step) => report(step, { metrics: { grad: 3 } }))
  expect(decided.map(({ value }) => value)).toEqual([1, 1, 0.1])
})

test('ESS and mean loss are known by name, what was never logged changes nothing', () => {
  const ess = drive(ruleOf(plateau({ ...plain, metric: 'essRatio', patience: 0 })), 3, (step) => report(step))
  expect(ess.at(-1)!.value).toBe(0.5)
  expect(
    drive(ruleOf(plateau({ ...plain, metric: 'nothing', patience: 0 })), 50, (step) => report(step)).at(-1)!
      .value,
  ).toBe(1)
})

describe('an evaluation is looked at', () => {
  const evaluated = (period: number) => (step: number) =>
    report(step, step % period === 0 ? { evaluation: { 'val.accuracy': 0.9 } } : {})
  const of = (given: Partial<PlateauOptions>) =>
    ruleOf(plateau({ init: 1, factor: 0.5, metric: 'val.accuracy', goal: 'maximize', lag: 1, ...given }))

  test('once, however many decisions see it', () => {
    // Of steps 0, 100 and 200: one that is the best, two that are no better.
    const decided = drive(of({ window: 64, every: 4, patience: 1 }), 300, evaluated(100))
    expect(decided.filter(({ value }) => value === 0.5)[0]!.step).toBe(204)
    expect(decided.at(-1)!.value).toBe(0.5)
  })

  test('where decisions are further apart than the window is wide', () => {
    const decided = drive(of({ window: 8, every: 100, patience: 2 }), 501, evaluated(30))
    expect(decided.map(({ value }) => value)).toEqual([1, 0.5, 0.25, 0.125, 0.0625, 0.03125])
  })
})

test('for lambda the factor acts on its size', () => {
  expect(valuesOf({ ...plain, init: -5, min: 2, patience: 0 }, [1, 1, 1, 1])).toEqual([-5, -2.5, -2, -2])
  expect(valuesOf({ ...plain, init: -5, factor: 2, max: 15, patience: 0 }, [1, 1, 1])).toEqual([-5, -10, -15])
})

test('a change is marked with its figures, a bound that stops it is not marked again', () => {
  const looks = [1 / 3, 1, 1, 1, 1]
  const decided = drive(
    ruleOf(plateau({ ...plain, init: 0.3, factor: 0.1, min: 0.03, patience: 1 })),
    6,
    (step) => report(step, { meanLoss: looks[step] ?? NaN }),
  )
  expect(marksOf(decided)).toEqual(['meanLoss has been no better than 0.3333 for 2 looks: 0.3 → 0.03'])
})

test('every change of one decision is marked', () => {
  const rule = ruleOf(plateau({ ...plain, window: 9, metric: 'val.loss', patience: 0 }))
  const window = [0, 1, 2].map((step) => report(step, { evaluation: { 'val.loss': 1 } }))
  const { mark } = rule.decide(window, rule.start, 3)
  expect(mark).toMatch(/1 → 0.5; .*0.5 → 0.25$/)
})

test('a loss that is not finite is no improvement, and what comes after it can be one', () => {
  const rule = ruleOf(plateau({ ...plain, window: 9, metric: 'val.loss', patience: 1 }))
  const seen = (values: readonly number[]) =>
    values.map((value, step) => report(step, { evaluation: { 'val.loss': value } }))
  expect(rule.decide(seen([Infinity, 3, 2, 1]), rule.start, 5).value).toBe(1)
  expect(rule.decide(seen([3, Infinity, Infinity]), rule.start, 5).value).toBe(0.5)
})

test('a state is a JSON value', () => {
  const rule = ruleOf(plateau(plain))
  const { state } = rule.decide([report(0)], rule.start, 1)
  for (const one of [rule.start, state]) expect(JSON.parse(JSON.stringify(one))).toEqual(one)
})

describe('a plateau is refused', () => {
  test.each([
    ['without a beginning', { init: undefined }, /init of plateau is undefined/],
    ['that begins outside its bounds', { init: 1, min: 2 }, /init of plateau is 1/],
    ['that begins above its bounds', { init: -9, max: 2 }, /init of plateau is -9/],
    ['with a factor of 1', { factor: 1 }, /factor of plateau is 1/],
    ['with a factor of 0', { factor: 0 }, /factor of plateau is 0/],
    ['with half a look of patience', { patience: 0.5 }, /patience of plateau is 0.5/],
    ['with a negative cooldown', { cooldown: -1 }, /cooldown of plateau is -1/],
    ['with a threshold of 1', { threshold: 1 }, /threshold of plateau is 1/],
    ['with its bounds turned round', { min: 3, max: 2 }, /min of plateau is 3/],
    ["with torch's name of a goal", { goal: 'min' }, /goal of plateau is min/],
    ['without a metric', { metric: '' }, /metric of plateau is/],
    ['without a lag', { lag: 0 }, /lag of plateau is 0/],
  ])('%s', (_title, given, message) => {
    expect(() => plateau({ init: 1, ...given } as PlateauOptions)).toThrow(
      expect.objectContaining({
        code: 'experiment',
        message: expect.stringMatching(message) as string,
        hint: expect.any(String) as string,
      }),
    )
  })
})
