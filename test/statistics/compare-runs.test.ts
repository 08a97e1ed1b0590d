import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compareRuns, type Comparison } from '../../src/statistics/compare-runs.js'
import { armOf, summary } from '../helpers/summaries.js'

describe('figures', () => {
  test('are each arm’s mean and deviation, and the differences to the first arm seed by seed', () => {
    const compared = compareRuns([...armOf('sgd', [0.5, 0.6, 0.7]), ...armOf('gce', [0.6, 0.8, 0.7])])
    const [sgd, gce] = figures(compared, 'val.accuracy')
    expect(sgd).toMatchObject({ name: 'sgd', n: 3, difference: null })
    expect(sgd!.mean).toBeCloseTo(0.6, 12)
    expect(sgd!.sd).toBeCloseTo(0.1, 12)
    // Differences 0.1, 0.2, 0: mean 0.1, sd 0.1, half the interval 4.3027·0.1/√3.
    const { mean, sd, interval, ...counts } = gce!.difference!
    expect(counts).toEqual({ pairs: 3, wins: 2, ties: 1 })
    expect(mean).toBeCloseTo(0.1, 12)
    expect(sd).toBeCloseTo(0.1, 12)
    expect(interval!.low).toBeCloseTo(0.1 - 0.24842, 4)
    expect(interval!.high).toBeCloseTo(0.1 + 0.24842, 4)
  })

  test('never let what is NaN or infinite win, and let it lose against every number', () => {
    const value = fc.oneof(fc.integer({ min: -3, max: 3 }), fc.constantFrom(NaN, Infinity, -Infinity))
    const pairs = fc.array(fc.tuple(value, value), { minLength: 1, maxLength: 12 })
    fc.assert(
      fc.property(pairs, fc.constantFrom('maximize' as const, 'minimize' as const), (values, goal) => {
        const config = { objective: { metric: 'val.accuracy', goal } }
        const runs = values.flatMap(([its, own], seed) => [
          summary({ arm: 'base', params: { seed }, final: { 'val.accuracy': its }, config }),
          summary({ arm: 'other', params: { seed }, final: { 'val.accuracy': own }, config }),
        ])
        const { difference } = figures(compareRuns(runs, { baseline: 'base' }), 'val.accuracy').find(
          ({ name }) => name === 'other',
        )!
        const wins = values.filter(([its, own]) => {
          if (!Number.isFinite(own)) return false
          return !Number.isFinite(its) || (goal === 'maximize' ? own > its : own < its)
        })
        expect(difference).toMatchObject({ pairs: values.length, wins: wins.length })
      }),
    )
  })

  test('are paired by seed, in whatever order the runs come', () => {
    const runs = [...armOf('sgd', [0.1, 0.2, 0.3]), ...armOf('gce', [0.15, 0.25, 0.35]).toReversed()]
    const { difference } = figures(compareRuns(runs), 'val.accuracy')[1]!
    expect(difference!.wins).toBe(3)
    expect(difference!.sd).toBeCloseTo(0, 12)
  })

  test('have no interval below three pairs, and no deviation below two runs', () => {
    const two = figures(compareRuns([...armOf('a', [1, 2]), ...armOf('b', [2, 2])]), 'val.accuracy')[1]!
    expect(two.difference).toEqual({
      pairs: 2,
      mean: 0.5,
      sd: Math.SQRT1_2,
      interval: null,
      wins: 1,
      ties: 1,
    })
    const one = figures(compareRuns([...armOf('a', [1]), ...armOf('b', [2])]), 'val.accuracy')[1]!
    expect(one).toMatchObject({ sd: null, difference: { pairs: 1, sd: null, wins: 1 } })
  })

  test('of a seed that only one arm has count in its mean alone, and the seed is named', () => {
    const compared = compareRuns([...armOf('a', [1, 2]), ...armOf('b', [2, 3, 4, 5])])
    const [, b] = figures(compared, 'val.accuracy')
    expect(b).toMatchObject({ n: 4, mean: 3.5, difference: { pairs: 2, wins: 2 } })
    expect(compared.arms[1]).toMatchObject({ unpaired: [2, 3], missing: [] })
    const swapped = compareRuns([...armOf('b', [2, 3, 4, 5]), ...armOf('a', [1, 2])])
    expect(swapped.arms[1]).toMatchObject({ unpaired: [], missing: [2, 3] })
  })

  test('of arms with other seeds are paired where a seed is the same', () => {
    const run = (arm: string, seed: number, accuracy: number) =>
      summary({ arm, params: { seed }, final: { 'val.accuracy': accuracy } })
    const compared = compareRuns([run('a', 1, 0.5), run('a', 2, 0.6), run('b', 0, 0.1), run('b', 1, 0.75)])
    expect(figures(compared, 'val.accuracy')[1]!.difference).toMatchObject({ pairs: 1, mean: 0.25, wins: 1 })
    expect(compared.arms[1]).toMatchObject({ unpaired: [0], missing: [2] })
  })

  test('of runs without a seed are not paired', () => {
    const run = (arm: string) => summary({ arm, final: { 'val.accuracy': 1 } })
    const compared = compareRuns([run('a'), run('b')])
    expect(figures(compared, 'val.accuracy').map(({ difference }) => difference)).toEqual([null, null])
  })
})

describe('metrics', () => {
  const run = (arm: string, shift: number) =>
    summary({
      arm,
      params: { seed: 0 },
      final: { 'train.loss': 1 + shift, noise_auc: 0.9, 'test.accuracy': 0.8, 'val.accuracy': 0.7 + shift },
      best: { 'val.loss': 1 + shift, 'val.accuracy': 0.9, 'test.accuracy': 0.85 + shift },
    })
  const compared = compareRuns([run('a', 0), run('b', 0.01)])

  test('begin with the objective and end with those of training, at the last step and at the best', () => {
    expect(compared.metrics.map(({ metric, at }) => `${metric} ${at}`)).toEqual([
      'val.accuracy last',
      'val.accuracy best',
      'val.loss best',
      'test.accuracy last',
      'test.accuracy best',
      'noise_auc last',
      'train.loss last',
    ])
    expect(figures(compared, 'test.accuracy', 'best')[1]!.difference!.mean).toBeCloseTo(0.01, 12)
  })

  test('are won by the larger value, by the lower where their name ends in loss, else as the objective says', () => {
    const winner = (metric: string, of: Comparison) => of.metrics.find((one) => one.metric === metric)!.wins
    expect(winner('val.loss', compared)).toBe('lower')
    expect(winner('train.loss', compared)).toBe('lower')
    expect(winner('test.accuracy', compared)).toBe('larger')
    expect(figures(compared, 'train.loss')[1]!.difference).toMatchObject({ wins: 0, ties: 0 })
    const minimised = compareRuns(
      armOf('a', [1]).map((one) => ({
        ...one,
        config: { ...one.config, objective: { metric: 'val.accuracy', goal: 'minimize' } },
      })),
    )
    expect(winner('val.accuracy', minimised)).toBe('lower')
  })

  test('that a run lacks are the figures of the others', () => {
    const [first, second] = armOf('a', [0.5, 0.7])
    const [figure] = figures(compareRuns([first!, { ...second!, final: {} }]), 'val.accuracy')
    expect(figure).toMatchObject({ n: 1, mean: 0.5, sd: null })
  })
})

describe('runs', () => {
  test('that are not completed are left out and named', () => {
    const failed = summary({ arm: 'a', params: { seed: 1 }, status: 'failed', final: { 'val.accuracy': 9 } })
    const compared = compareRuns([...armOf('a', [0.5]), failed])
    expect(figures(compared, 'val.accuracy')).toMatchObject([{ n: 1, mean: 0.5 }])
    expect(compared.leftOut).toEqual([{ run: 'a-1', reason: 'failed' }])
  })

  test('with the same parameters and seed count once, the newest', () => {
    const old = summary({ arm: 'a', params: { seed: 0 }, final: { x: 1 }, more: { run: 'old' } })
    const young = { ...old, run: 'young', createdAt: '2025-02-01T00:00:00.000Z', final: { x: 2 } }
    for (const runs of [
      [old, young],
      [young, old],
    ]) {
      const compared = compareRuns(runs)
      expect(figures(compared, 'x')).toMatchObject([{ n: 1, mean: 2 }])
      expect(compared.leftOut).toEqual([{ run: 'old', reason: 'young is newer, with the same seed' }])
    }
  })

  test('of one arm with different parameters are arms of their own, named by what differs', () => {
    const run = (lr: number, seed: number) =>
      summary({ arm: 'a', params: { seed, lr, kind: 'x' }, final: { acc: lr } })
    const compared = compareRuns([run(0.1, 0), run(0.1, 1), run(0.05, 0), run(0.05, 1)])
    expect(compared.arms.map(({ name, runs }) => [name, runs.length])).toEqual([
      ['a lr=0.1', 2],
      ['a lr=0.05', 2],
    ])
    expect(compared.differing).toEqual([
      {
        setting: 'params.lr',
        values: [
          { value: 0.1, of: ['a lr=0.1'] },
          { value: 0.05, of: ['a lr=0.05'] },
        ],
      },
    ])
    expect(() => compareRuns([run(0.1, 0), run(0.05, 0)], { baseline: 'a' })).toThrow(
      '"a" is the name of several sets of runs',
    )
  })

  test('of several experiments are named by experiment and arm', () => {
    const runs = [summary({ experiment: 'x', arm: 'a' }), summary({ experiment: 'y' })]
    expect(compareRuns(runs).arms.map(({ name }) => name)).toEqual(['x/a', 'y'])
  })

  test('of one arm that were configured differently are told', () => {
    const [first, second] = armOf('a', [1, 2])
    const edited = {
      ...second!,
      config: { ...second!.config, controls: { lambda: 'off' }, length: '5 epochs' },
    }
    const { differingWithin } = compareRuns([first!, edited])
    expect(differingWithin.map(({ arm, setting }) => [arm, setting])).toEqual([
      ['a', 'length'],
      ['a', 'controls.lambda'],
      ['a', 'controls.lr'],
    ])
  })
})

describe('the baseline', () => {
  const runs = [...armOf('a', [1]), ...armOf('b', [3])]

  test('is the arm that is asked for, and comes first', () => {
    const compared = compareRuns(runs, { baseline: 'b' })
    expect(compared.arms.map(({ name }) => name)).toEqual(['b', 'a'])
    expect(figures(compared, 'val.accuracy')[1]!.difference!.mean).toBe(-2)
  })

  test('without a completed run leaves nothing to take differences to', () => {
    const compared = compareRuns(
      [...armOf('c', [1]).map((run) => ({ ...run, status: 'failed' as const })), ...runs],
      { baseline: 'c' },
    )
    expect(compared.baseline).toBe('c')
    expect(figures(compared, 'val.accuracy').map(({ difference }) => difference)).toEqual([null, null])
  })

  test('that no run is of is refused, with those there are', () => {
    expect(() => compareRuns(runs, { baseline: 'z' })).toThrow('no run is of the arm "z"')
  })
})

function figures({ metrics }: Comparison, name: string, at: 'last' | 'best' = 'last') {
  return metrics.find(({ metric, at: where }) => metric === name && where === at)!.arms
}
