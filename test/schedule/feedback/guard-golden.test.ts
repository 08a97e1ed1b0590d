import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { GUARD, startGuard, watch, type GuardState } from '../../../src/schedule/feedback/guard.js'
import type { ReportedStep } from '../../../src/schedule/feedback/feedback-rule.js'
import { report } from './reports.js'

type Line = readonly [number | 'inf' | 'nan', number | 'inf' | 'nan']
interface Series {
  readonly name: string
  readonly n: number
  readonly pieces: readonly {
    readonly steps: number
    readonly lam: Line
    readonly loss: Line
    readonly ess: Line
    readonly weighted: Line
  }[]
  /** Of each: the step that was seen, the first that it is to hold for, the factor. */
  readonly back_offs: readonly (readonly [number, number, number])[]
}

const file = new URL('../../../proto/golden/guard.json', import.meta.url)
const all = JSON.parse(readFileSync(file, 'utf8')) as Series[]

const number = (value: number | 'inf' | 'nan') =>
  typeof value === 'number' ? value : value === 'inf' ? Infinity : NaN

function stepsOf({ n, pieces }: Series): readonly ReportedStep[] {
  const steps: ReportedStep[] = []
  for (const piece of pieces) {
    for (let i = 0; i < piece.steps; i++) {
      const at = ([a, b]: Line) =>
        a === b ? number(a) : number(a) + ((number(b) - number(a)) * i) / piece.steps
      const meanLoss = at(piece.loss)
      const seen = {
        n,
        lambda: at(piece.lam),
        meanLoss,
        essRatio: at(piece.ess),
        weightedLoss: at(piece.weighted) * meanLoss,
      }
      steps.push(report(steps.length, seen))
    }
  }
  return steps
}

test.each(all.map((series) => [series.name, series] as const))(
  'the guard and the worker agree: %s',
  (_, series) => {
    let state: GuardState = startGuard()
    const found: (readonly [number, number, number])[] = []
    for (const step of stepsOf(series)) {
      const next = watch(state, step, GUARD)
      // As a controller that takes up a run meets it.
      state = JSON.parse(JSON.stringify(next.state)) as GuardState
      if (next.backOff !== undefined) found.push([next.backOff.step, next.backOff.from, next.backOff.factor])
    }
    expect(found).toEqual(series.back_offs)
  },
)

test('the series hold runs that back off and runs that do not', () => {
  const quiet = all.filter(({ back_offs: found }) => found.length === 0).length
  expect(quiet).toBeGreaterThan(5)
  expect(all.length - quiet).toBeGreaterThan(15)
})
