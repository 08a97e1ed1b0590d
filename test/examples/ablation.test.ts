/** The scripts of the table: what they compare, the learning rates that they choose, and the Markdown that they print. */
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { resolveExperiment } from '../../src/experiment/resolve-experiment.js'
import { loadExperiment } from '../../src/index.js'

interface Figures {
  readonly name: string
  readonly mean: number
  readonly sd: number | null
  readonly difference: {
    readonly mean: number
    readonly interval: { readonly low: number; readonly high: number } | null
    readonly wins: number
    readonly pairs: number
  } | null
}

interface Condition {
  readonly name: string
  readonly experiment: string
  readonly params: readonly string[]
  readonly arms: readonly string[]
  readonly rates: readonly number[]
}

type Rates = Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, number>>>>>>

const ROOT = join(import.meta.dirname, '../..')
const { CONDITIONS, chosen } = await script<{
  CONDITIONS: readonly Condition[]
  chosen: (names?: readonly string[], arms?: readonly string[]) => readonly Condition[]
}>('conditions')
const { bestRate, readRates } = await script<{
  bestRate: (all: Rates, condition: string, arm: string) => number
  readRates: () => Rates
}>('learning-rates')
const { armsByRate, cleanText } = await script<{
  armsByRate: (condition: Condition, rates: Rates) => ReadonlyMap<number, readonly string[]>
  cleanText: (condition: string, arms: readonly Figures[]) => string
}>('table')
const { tableOf } = await script<{
  tableOf: (given: object) => { readonly head: readonly string[]; readonly rows: readonly string[] }
}>('markdown')
const { seedsOf } = await script<{ seedsOf: (text: string) => readonly number[] }>('runs')
const { missingFashion } = await script<{
  missingFashion: (env: Readonly<Record<string, string>>) => string | undefined
}>('fashion-mnist')

describe.each(CONDITIONS)('$name', ({ name, experiment, params, arms, rates }) => {
  test('every arm is one of its experiment, and takes its parameters', async () => {
    const loaded = await loadExperiment(join(ROOT, experiment))
    const given = Object.fromEntries(params.map((param) => param.split('=') as [string, string]))
    for (const arm of arms)
      expect(resolveExperiment(loaded, { arm, params: { ...given, lr: String(rates[0]) } }).arm).toBe(arm)
  })

  test('every arm has a learning rate that was chosen', () => {
    for (const arm of arms) expect(rates).toContain(bestRate(readRates(), name, arm))
  })
})

test('the best learning rate is the one with the largest mean, the smaller one if two are equal', () => {
  const rates = { some: { sgd: { 0.1: 0.8, 0.02: 0.9, 0.05: 0.9 } } }
  expect(bestRate(rates, 'some', 'sgd')).toBe(0.02)
  expect(() => bestRate(rates, 'some', 'recipe')).toThrow('--tune --only some --arms recipe')
})

test('arms with the same learning rate are trained together', () => {
  const rates = { some: { a: { 0.1: 0.8 }, b: { 0.2: 0.8 }, c: { 0.1: 0.7 } } }
  const condition = { name: 'some', experiment: '', params: [], rates: [], arms: ['a', 'b', 'c'] }
  expect([...armsByRate(condition, rates)]).toEqual([
    [0.1, ['a', 'c']],
    [0.2, ['b']],
  ])
})

test('a row has mean and sd, the paired difference with its interval and wins, and the other figures', () => {
  const of = (metric: string): readonly Figures[] =>
    metric === 'test.accuracy'
      ? [figures('sgd', 0.8, null), figures('gce', 0.79, { mean: -0.01, low: -0.025, high: 0.005 })]
      : [figures('gce', 0.987, null)]
  const { head, rows } = tableOf({
    arms: ['sgd', 'gce'],
    figures: [
      { title: 'accuracy', metric: 'test.accuracy' },
      { title: 'noise AUC', metric: 'noise_auc' },
    ],
    of,
  })
  expect(head).toEqual(['accuracy', 'difference, wins', 'noise AUC'])
  expect(rows).toEqual([
    '| `sgd` | 80.0 ± 1.0 |  |  |',
    '| `gce` | 79.0 ± 1.0 | −1.0 [−2.5, +0.5], 3/10 | 0.987 |',
  ])
})

test('a recipe that loses more than half a point on clean data is named', () => {
  const lost = (points: number) => [figures('recipe', 0.8, { mean: -points / 100, low: -0.02, high: 0.01 })]
  expect(cleanText('fashion-clean', lost(0.7))).toContain('`recipe` loses 0.7 points')
  expect(cleanText('fashion-clean', lost(0.4))).toBe('')
  expect(cleanText('fashion-symmetric-20', lost(3))).toBe('')
})

test('conditions and arms are chosen by name, and a name that does not exist is refused with those that do', () => {
  const [only, ...others] = chosen(['hidden-subgroup'], ['focal', 'plain'])
  expect(others).toEqual([])
  expect(only).toMatchObject({ name: 'hidden-subgroup', arms: ['plain', 'focal'] })
  expect(() => chosen(['fashion'])).toThrow('choose from fashion-clean')
})

test('seeds are a first and a last one', () => {
  expect(seedsOf('100-103')).toEqual([100, 101, 102, 103])
  for (const wrong of ['5', '9-3', 'a-b']) expect(() => seedsOf(wrong)).toThrow('such as 100-109')
})

test('without the files of Fashion-MNIST it is said how to get them, and how to do without', () => {
  const text = missingFashion({ ABSGD_FASHION_MNIST: '/nonexistent' })
  expect(text).toContain('there is no train-images-idx3-ubyte.gz in /nonexistent')
  expect(text).toContain('apt-get install dataset-fashion-mnist')
  expect(text).toContain('--only digits-asymmetric-30,hidden-subgroup')
})

function figures(
  name: string,
  mean: number,
  difference: { mean: number; low: number; high: number } | null,
): Figures {
  if (difference === null) return { name, mean, sd: 0.01, difference: null }
  const { low, high } = difference
  return {
    name,
    mean,
    sd: 0.01,
    difference: { mean: difference.mean, interval: { low, high }, wins: 3, pairs: 10 },
  }
}

async function script<T>(name: string): Promise<T> {
  return (await import(join(ROOT, 'scripts/ablation', `${name}.mjs`))) as T
}
