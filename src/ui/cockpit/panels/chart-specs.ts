/** The charts of a run: their numbers and titles. */
import type { ChartOptions, ChartSeries, Paint } from '../../text/chart.js'
import { formatControl, formatCount, formatNumber } from '../../text/format.js'
import { sanitize } from '../../text/sanitize.js'
import { bestEvaluation } from '../../../history/summarize-run.js'
import type { Series, SeriesView } from '../../../history/series/bucketed-series.js'
import { metricNames, shownMetric } from '../metrics.js'
import type { RunState } from '../feed/run-state.js'
import type { Theme } from '../theme.js'

/** The charts in the order in which they are drawn. Users number them from 1. */
export const CHARTS = ['loss', 'metric', 'lambda', 'ess'] as const
export const METRIC_CHART = CHARTS.indexOf('metric')

export interface ChartSpec {
  readonly title: string
  readonly value: string
  /** Whether the value is NaN or infinite. */
  readonly isBroken?: boolean
  /** Further texts for the title line, if there is room. */
  readonly more: readonly string[]
  readonly paint: Paint
  readonly series: readonly ChartSeries[]
  readonly options: Partial<ChartOptions>
}

export interface SpecOptions {
  /** Approximate columns for the curves. */
  readonly columns: number
  readonly logScale: boolean
  /** The chosen metric; undefined for the metric of the objective. */
  readonly metric: string | undefined
}

export function chartSpec(
  name: (typeof CHARTS)[number],
  state: RunState,
  theme: Theme,
  { columns, logScale, metric }: SpecOptions,
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
        ...valueOf(series.steps.loss, points),
        more: [
          lowest === undefined ? '' : `lowest ${formatNumber(lowest)}`,
          meanOf(points),
          logScale ? 'log' : '',
        ].filter(Boolean),
        paint: paint.loss,
        series: [...bandOf(points, paint.band), lineOf(points, paint.loss)],
        options: { log: logScale, outliers: 'clip' },
      }
    }
    case 'metric':
      return metricSpec(state, theme, { columns, metric })
    case 'lambda': {
      const points = grouped(series.steps.lambda.view(), columns)
      const now = snapshot.last?.controls['lambda']
      return {
        title: glyph.lambda,
        value: now === undefined ? '' : formatControl('lambda', now),
        more: ['as applied; a gap is off'],
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
        more: ['share of the batch that counts'],
        paint: paint.ess,
        series: [{ x: points.x, y: points.mean, paint: paint.ess }],
        options: { y: { min: 0, max: 1 } },
      }
    }
    default:
      return name satisfies never
  }
}

function metricSpec(
  state: RunState,
  { paint }: Theme,
  { columns, metric }: Pick<SpecOptions, 'columns' | 'metric'>,
): ChartSpec {
  const { snapshot, manifest } = state
  const { objective } = manifest.config
  const found = shownMetric(state, metric)
  const names = metricNames(state)
  const best =
    found?.name === objective?.metric || found === undefined
      ? bestEvaluation(snapshot.evaluations, objective)
      : null
  const points = found?.series === undefined ? undefined : grouped(found.series.view(), columns)
  return {
    title: sanitize(found?.name ?? 'evaluation'),
    ...(points === undefined ? { value: '' } : valueOf(found!.series!, points)),
    more: [
      best === null ? '' : `best ${formatNumber(best.value)} after ${formatCount(best.step + 1)}`,
      names.length > 1 ? `${names.indexOf(found?.name ?? '') + 1} of ${names.length}` : '',
    ].filter(Boolean),
    paint: paint.metric,
    series: points === undefined ? [] : [lineOf(points, paint.metric)],
    options: { empty: 'not evaluated yet', outliers: 'clip' },
  }
}

/** The last value if it is NaN or infinite, because a mean would hide it; else the last mean. */
function valueOf(series: Series, { mean }: Points): Pick<ChartSpec, 'value' | 'isBroken'> {
  const latest = series.latest()
  if (latest !== undefined && !Number.isFinite(latest)) return { value: formatNumber(latest), isBroken: true }
  return { value: formatOptional(mean.findLast(isNumber)) }
}

function lineOf({ x, mean, notFinite }: Points, paint: Paint): ChartSeries {
  return { x, y: mean, notFinite, paint }
}

interface Points {
  readonly x: Float64Array
  readonly min: Float64Array
  readonly max: Float64Array
  readonly mean: Float64Array
  readonly notFinite: Uint8Array
  /** Steps in each point. */
  readonly width: number
}

/** Divides the series into about `columns` buckets, with the mean and the extremes of each. */
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
    notFinite: Uint8Array.from({ length: count }, (_, i) =>
      view.notFinite.subarray(i * size, (i + 1) * size).reduce((all, kinds) => all | kinds, 0),
    ),
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
