/** The charts of a run: which numbers, under which words. */
import type { ChartOptions, ChartSeries, Paint } from '../../output/chart.js'
import { formatControl, formatCount, formatNumber } from '../../output/format.js'
import { sanitize } from '../../output/sanitize.js'
import type { Manifest } from '../../record/manifest.js'
import type { RunSeries } from '../../record/run-series.js'
import { bestEvaluation } from '../../record/summary.js'
import type { Series, SeriesView } from '../../record/series.js'
import type { RunState } from '../run-state.js'
import type { Theme } from '../theme.js'

/** In the order in which they are drawn, and numbered from 1 on. */
export const CHARTS = ['loss', 'metric', 'lambda', 'ess'] as const

export interface ChartSpec {
  readonly title: string
  readonly value: string
  /** Beside them where there is room. */
  readonly more: string
  readonly paint: Paint
  readonly series: readonly ChartSeries[]
  readonly options: Partial<ChartOptions>
}

/** @param columns - that the chart has for its lines, about. */
export function chartSpec(
  name: (typeof CHARTS)[number],
  state: RunState,
  theme: Theme,
  { columns, logScale }: { columns: number; logScale: boolean },
): ChartSpec {
  const { snapshot, series } = state
  const { paint, glyph } = theme
  switch (name) {
    case 'loss': {
      const view = series.steps.loss.view()
      const points = grouped(view, columns)
      const lowest = lowestOf(points.mean)
      return {
        title: 'loss',
        value: formatOptional(points.mean.findLast(isNumber)),
        more: [
          lowest === undefined ? '' : `lowest ${formatNumber(lowest)}`,
          meanOf(points),
          logScale ? 'log' : '',
        ]
          .filter(Boolean)
          .join(', '),
        paint: paint.loss,
        series: [...bandOf(points, paint.band), { x: points.x, y: points.mean, paint: paint.loss }],
        options: { log: logScale },
      }
    }
    case 'metric': {
      const found = metricOf(state.manifest, series)
      const best = bestEvaluation(snapshot.evaluations, state.manifest.config.objective)
      const view = found?.series.view()
      return {
        title: sanitize(found?.name ?? state.manifest.config.objective?.metric ?? 'evaluation'),
        value: formatOptional(view?.mean.findLast(isNumber)),
        more: best === null ? '' : `best ${formatNumber(best.value)} after ${formatCount(best.step + 1)}`,
        paint: paint.metric,
        series: view === undefined ? [] : [{ x: view.x, y: view.mean, paint: paint.metric }],
        options: { empty: 'not evaluated yet' },
      }
    }
    case 'lambda': {
      const points = grouped(series.steps.lambda.view(), columns)
      const now = snapshot.last?.controls['lambda']
      return {
        title: glyph.lambda,
        value: now === undefined ? '' : formatControl('lambda', now),
        more: 'as applied; a gap is off',
        paint: paint.lambda,
        series: [{ x: points.x, y: points.mean, paint: paint.lambda }],
        options: { empty: now === undefined ? 'no data yet' : 'off: every sample has the same weight' },
      }
    }
    case 'ess': {
      const points = grouped(series.steps.essRatio.view(), columns)
      return {
        title: 'ess ratio',
        value: formatOptional(points.mean.findLast(isNumber)),
        more: 'share of the batch that counts',
        paint: paint.ess,
        series: [{ x: points.x, y: points.mean, paint: paint.ess }],
        options: { y: { min: 0, max: 1 } },
      }
    }
    default:
      return name satisfies never
  }
}

/** The metric of the objective, else the first that is an accuracy, else the first. */
export function metricOf(
  { config }: Manifest,
  { metrics }: RunSeries,
): { readonly name: string; readonly series: Series } | undefined {
  const names = [...metrics.keys()]
  const wanted = config.objective?.metric
  const name = names.find((one) => one === wanted) ?? names.find((one) => /\baccuracy$/.test(one)) ?? names[0]
  return name === undefined ? undefined : { name, series: metrics.get(name)! }
}

interface Points {
  readonly x: Float64Array
  readonly min: Float64Array
  readonly max: Float64Array
  readonly mean: Float64Array
  /** Steps that a point stands for. */
  readonly width: number
}

/** As many points as a chart has columns: extremes and means of their buckets. */
function grouped(view: SeriesView, columns: number): Points {
  const size = Math.max(1, Math.ceil(view.x.length / Math.max(1, columns)))
  if (size === 1) return view
  const count = Math.ceil(view.x.length / size)
  const column = (of: (from: number, to: number) => number) =>
    Float64Array.from({ length: count }, (_, i) => of(i * size, Math.min((i + 1) * size, view.x.length)))
  return {
    x: column((from, to) => (view.x[from]! + view.x[to - 1]!) / 2),
    min: column((from, to) => extreme(view.min, from, to, Math.min)),
    max: column((from, to) => extreme(view.max, from, to, Math.max)),
    mean: column((from, to) => meanWithin(view.mean, from, to)),
    width: view.width * size,
  }
}

function extreme(
  values: Float64Array,
  from: number,
  to: number,
  of: (a: number, b: number) => number,
): number {
  let found = NaN
  for (let i = from; i < to; i += 1)
    if (isNumber(values[i]!)) found = isNumber(found) ? of(found, values[i]!) : values[i]!
  return found
}

function meanWithin(values: Float64Array, from: number, to: number): number {
  let sum = 0
  let count = 0
  for (let i = from; i < to; i += 1) {
    if (!isNumber(values[i]!)) continue
    sum += values[i]!
    count += 1
  }
  return sum / count
}

function bandOf(points: Points, paint: Paint): readonly ChartSeries[] {
  return points.width === 1 ? [] : [{ x: points.x, y: points.min, upTo: points.max, paint }]
}

function meanOf({ width }: Points): string {
  return width === 1 ? '' : `mean of ${formatCount(width)}`
}

function lowestOf(values: Float64Array): number | undefined {
  const lowest = extreme(values, 0, values.length, Math.min)
  return isNumber(lowest) ? lowest : undefined
}

function formatOptional(value: number | undefined): string {
  return value === undefined ? '' : formatNumber(value)
}

function isNumber(value: number): boolean {
  return !Number.isNaN(value)
}
