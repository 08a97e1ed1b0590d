/** The axes of a chart: the range of its values, and the labels beside it. */
import { widthOf } from './width.js'

export interface Span {
  readonly min: number
  readonly max: number
}

export interface AxisLabel {
  /** Row of the chart, from the top. */
  readonly row: number
  readonly text: string
}

/** The range of the finite values; on a logarithmic scale, of those above 0. Undefined when there are none. */
export function spanOf(columns: readonly Float64Array[], log = false): Span | undefined {
  let min = Infinity
  let max = -Infinity
  for (const column of columns) {
    for (const value of column) {
      if (!isShown(value, log)) continue
      if (value < min) min = value
      if (value > max) max = value
    }
  }
  return min > max ? undefined : { min, max }
}

/**
 * `spanOf` without outliers: at most one value in 20 at each end, so far from all others that the others would be drawn as one flat
 * line. A chart marks the values that its axis leaves out.
 */
export function spanWithoutOutliers(columns: readonly Float64Array[], log = false): Span | undefined {
  const span = spanOf(columns, log)
  if (span === undefined) return undefined
  const [of, back] = log ? [Math.log10, (value: number) => 10 ** value] : [same, same]
  const sorted = Float64Array.from(
    columns.flatMap((column) => [...column].filter((value) => isShown(value, log)).map(of)),
  ).sort()
  // A step with an outlier has one in every column.
  const few = Math.max(columns.length, Math.floor(sorted.length * OUTLIERS))
  if (sorted.length < MIN_VALUES * columns.length) return span
  const [low, high] = [sorted[few]!, sorted[sorted.length - 1 - few]!]
  const usual = Math.max(high - low, log ? MIN_DECADES : Math.max(Math.abs(low), Math.abs(high)) * MIN_SHARE)
  if (usual === 0) return span
  const [from, to] = [low - FAR * usual, high + FAR * usual]
  return {
    min: of(span.min) < from ? back(sorted.find((value) => value >= from)!) : span.min,
    max: of(span.max) > to ? back(sorted.findLast((value) => value <= to)!) : span.max,
  }
}

function isShown(value: number, log: boolean): boolean {
  return Number.isFinite(value) && !(log && value <= 0)
}

function same(value: number): number {
  return value
}

export interface AxisOptions {
  readonly rows: number
  readonly log: boolean
  readonly format: (value: number) => string
}

/** Labels for the exact ends, and for round numbers between them where there is room. A single value is labelled in the middle. */
export function axisLabels({ min, max }: Span, { rows, log, format }: AxisOptions): readonly AxisLabel[] {
  if (max === min || rows === 1) return [{ row: Math.floor((rows - 1) / 2), text: format(max) }]
  const labels = [
    { row: 0, text: format(max) },
    { row: rows - 1, text: format(min) },
  ]
  const of = log ? Math.log10 : (value: number) => value
  const ticks = log ? decades({ min, max }) : roundNumbers({ min, max }, rows / ROWS_A_LABEL)
  for (const tick of ticks) {
    const row = Math.round(((of(max) - of(tick)) / (of(max) - of(min))) * (rows - 1))
    if (labels.every((label) => Math.abs(label.row - row) >= MIN_DISTANCE))
      labels.push({ row, text: format(tick) })
  }
  return labels
}

export interface GutterOptions {
  readonly rows: number
  /** Columns of the whole chart. */
  readonly width: number
  readonly ascii: boolean
  /** Columns for the labels. */
  readonly least: number
}

/** The text left of every row: labels, then the axis. Empty where it would take more than half of the width. */
export function gutterLines(labels: readonly AxisLabel[], options: GutterOptions): readonly string[] {
  const { rows, width, ascii, least } = options
  const [axis, tick] = ascii ? ['|', '+'] : ['│', '┤']
  const room = Math.max(least, ...labels.map(({ text }) => widthOf(text)))
  if (2 * (room + 2) > width) return Array.from({ length: rows }, () => '')
  return Array.from({ length: rows }, (_, row) => {
    const label = labels.find((candidate) => candidate.row === row)
    const text = label?.text ?? ''
    return `${' '.repeat(room - widthOf(text))}${text} ${label === undefined ? axis : tick}`
  })
}

/** Multiples of 1, 2 or 5 times a power of ten, about `count` of them. */
function roundNumbers({ min, max }: Span, count: number): readonly number[] {
  const rough = (max - min) / Math.max(1, count)
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = power * ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10)
  const first = Math.ceil(min / step)
  const last = Math.floor(max / step)
  // Computed from whole multiples, so that no rounding errors (0.30000000000000004) are printed.
  return Array.from({ length: Math.max(0, Math.min(MAX_TICKS, last - first + 1)) }, (_, i) =>
    Number(((first + i) * step).toPrecision(12)),
  )
}

function decades({ min, max }: Span): readonly number[] {
  const first = Math.ceil(Math.log10(min))
  const last = Math.floor(Math.log10(max))
  return Array.from(
    { length: Math.max(0, Math.min(MAX_TICKS, last - first + 1)) },
    (_, i) => 10 ** (first + i),
  )
}

/** Share of the values that may be outliers, at each end. */
const OUTLIERS = 0.05
/** With fewer values, outliers cannot be told apart. */
const MIN_VALUES = 4
/** A value this many times the range of the others away is an outlier: the others would fill only one or two dots of eight rows. */
const FAR = 30
/** The range of the others counts as at least this share of their size, so that nearly equal values make no outliers. */
const MIN_SHARE = 0.1
const MIN_DECADES = 0.3
const ROWS_A_LABEL = 3
const MIN_DISTANCE = 2
const MAX_TICKS = 100
