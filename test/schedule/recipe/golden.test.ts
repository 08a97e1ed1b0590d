/** What recipes decide, against proto/golden/recipes.json, which the Python suite reads too. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { RecipeKind } from '../../../src/schedule/recipe/choose.js'
import { decideRecipe, EVERY, LAG, WINDOW, type RecipeReport } from '../../../src/schedule/recipe/decide.js'
import { startRecipe } from '../../../src/schedule/recipe/state.js'

interface Series {
  readonly kind: RecipeKind
  readonly wrong: number | null
  readonly share: number
  readonly steps: number | null
  readonly learns?: boolean
  readonly oneGroup?: boolean
  readonly notFinite?: number
  readonly scale?: number
  readonly easy?: number
  readonly decisions: readonly unknown[]
}

const file = new URL('../../../proto/golden/recipes.json', import.meta.url)
const golden = JSON.parse(readFileSync(file, 'utf8')) as { size: number; series: readonly Series[] }

test.each(golden.series)('$kind, $wrong assumed, $share wrong, $steps steps', (series) => {
  expect(decisionsOf(series)).toEqual(series.decisions)
})

function decisionsOf(series: Series): unknown[] {
  const { kind, wrong, steps } = series
  const losses = Array.from({ length: 900 }, (_, step) =>
    Array.from({ length: golden.size }, (_, i) => lossOf(series, step, i)),
  )
  let state = startRecipe()
  const found: unknown[] = []
  for (let step = 0; step < 900 && state.phase !== 'done'; step += EVERY) {
    const reports: RecipeReport[] = []
    for (let known = Math.max(0, step - LAG - WINDOW + 1); known <= step - LAG; known++)
      reports.push({ step: known, losses: losses[known]! })
    const spec = wrong === null ? { kind } : { kind, wrong }
    const made = decideRecipe(spec, reports, state, step, steps ?? 0)
    state = made.state
    if (made.edit !== undefined || made.mark !== '')
      found.push({ step, edit: made.edit ?? null, mark: made.mark })
  }
  return found
}

function lossOf(series: Series, step: number, i: number): number {
  const number = step * golden.size + i
  const noise = ((number * 7919) % 1009) / 1009
  const learnt = series.learns === false ? 0 : Math.min(1, step / 120)
  const isWrong = ((number * 613) % 1000) / 1000 < series.share
  const spread = series.oneGroup === true ? 0.4 : 0.1 * Math.max(0.02, 1 - step / 400)
  const easy = 2.3 * (1 - learnt) + learnt * spread * noise * noise + learnt * (series.easy ?? 0)
  const hard = 2.3 + learnt * 1.5 * noise
  const loss = (isWrong ? hard : easy) + 0.05 * noise * (series.oneGroup === true ? 1 : 1 - learnt)
  return series.notFinite === step ? NaN : loss * (series.scale ?? 1)
}
