/** Charts as lines of text, of exactly the width and height asked for. */
import { createRaster, type Raster } from './braille.js'
import { axisLabels, gutterLines, spanOf, spanWithoutOutliers, type Span } from './chart-axis.js'
import { marksOf } from './chart-marks.js'
import { formatNumber } from './format.js'
import { cut, padTo, widthOf } from './width.js'

export type Paint = (text: string) => string

export interface ChartSeries {
  /** Ascending. */
  readonly x: Float64Array
  /** As many as x. NaN and ±Infinity are gaps; on a logarithmic scale, values of 0 and below are gaps too. */
  readonly y: Float64Array
  /** Fills the area between y and these values with sparse dots, instead of drawing a line. */
  readonly upTo?: Float64Array
  /** For each point, which of its values are NaN or infinite (see chart-marks.ts): they are marked. @default none */
  readonly notFinite?: Uint8Array
  /** `steps` holds a value until the next x. @default 'linear' */
  readonly shape?: 'linear' | 'steps'
  /** Colours a piece of a line; must not change its width. */
  readonly paint?: Paint
}

export interface ChartOptions {
  /** In columns and rows of the terminal, axes included. */
  readonly width: number
  readonly height: number
  /** @default the extent of the data */
  readonly x?: Span
  /** @default the extent of the finite data */
  readonly y?: Span
  /** `clip` leaves outliers out of the y axis and marks them. @default 'show' */
  readonly outliers?: 'show' | 'clip'
  /** Logarithmic y axis. @default false */
  readonly log?: boolean
  /** Whether to draw with ASCII characters only. @default false */
  readonly ascii?: boolean
  /** Label of a point of the x axis. The two ends are labelled in an additional row. @default no such row */
  readonly xLabel?: (x: number) => string
  /** @default formatNumber */
  readonly yLabel?: (y: number) => string
  /** Text that is shown when there is nothing to draw. @default 'no data yet' */
  readonly empty?: string
  /** Colours the axes and their labels. */
  readonly paintAxis?: Paint
  /** Colours marks. */
  readonly paintMark?: Paint
  /** Minimum columns for the y labels, so that charts above each other line up. */
  readonly labelWidth?: number
}

/** `height` lines of `width` columns each. In each cell, a later series covers an earlier one. */
export function chartLines(series: readonly ChartSeries[], options: ChartOptions): string[] {
  const { width, height, log = false, ascii = false, paintAxis = plain } = options
  const rows = Math.max(1, height - (options.xLabel === undefined ? 0 : 1))
  const x = options.x ?? spanOf(series.map((one) => one.x))
  const y = options.y ?? yOf(series, options)
  const marked = series.some(({ notFinite }) => notFinite?.some((kinds) => kinds !== 0))
  if (x === undefined || (y === undefined && !marked)) return emptyLines(options)

  const format = options.yLabel ?? formatNumber
  const labels = y === undefined ? [] : axisLabels(y, { rows, log, format })
  const gutter = gutterLines(labels, { rows, width, ascii, least: options.labelWidth ?? 0 })
  const columns = Math.max(1, width - (gutter[0]?.length ?? 0))
  const raster = createRaster(columns, rows, { ascii })
  // Without a finite value any scale will do: only marks are drawn.
  const place = scale(
    x,
    padded(y ?? { min: 0, max: 1 }, log && y !== undefined),
    log && y !== undefined,
    raster,
  )
  for (const one of series) {
    raster.layer()
    if (one.upTo === undefined) drawLine(raster, one, place)
    else drawBand(raster, one, one.upTo, place)
  }
  const { top, bottom } = marksOf(series, { columns, placeX: place.x, y, ascii, log })
  const marksIn = (row: number) => new Map([...(row === rows - 1 ? bottom : []), ...(row === 0 ? top : [])])
  const lines = gutter.map(
    (text, row) => paintAxis(text) + paintRow(raster, row, series, marksIn(row), options.paintMark ?? plain),
  )
  if (options.xLabel !== undefined && height > 1)
    lines.push(paintAxis(xAxis(x, options.xLabel, gutter[0]!.length, width)))
  return lines.slice(0, height)
}

function yOf(series: readonly ChartSeries[], { log, outliers = 'show' }: ChartOptions): Span | undefined {
  return (outliers === 'clip' ? spanWithoutOutliers : spanOf)(series.flatMap(valuesOf), log)
}

interface Place {
  readonly x: (x: number) => number
  /** NaN for a gap. */
  readonly y: (y: number) => number
}

function valuesOf({ y, upTo }: ChartSeries): readonly Float64Array[] {
  return upTo === undefined ? [y] : [y, upTo]
}

/** Widens the range of a constant, so that it is drawn in the middle. */
function padded({ min, max }: Span, log: boolean): Span {
  if (max > min) return { min, max }
  if (log) return { min: min / 2, max: max * 2 }
  const room = min === 0 ? 1 : Math.abs(min) / 2
  return { min: min - room, max: max + room }
}

function scale(x: Span, y: Span, log: boolean, { width, height }: Raster): Place {
  const of = log ? Math.log10 : (value: number) => value
  const bottom = of(y.min)
  const perX = x.max > x.min ? (width - 1) / (x.max - x.min) : 0
  const perY = (height - 1) / (of(y.max) - bottom)
  return {
    x: (value) => (value - x.min) * perX,
    y: (value) => {
      const place = height - 1 - (of(value) - bottom) * perY
      return Number.isFinite(place) ? place : NaN
    },
  }
}

function drawLine(raster: Raster, { x, y, shape }: ChartSeries, place: Place): void {
  let before: { readonly x: number; readonly y: number } | undefined
  let alone = false
  const settle = () => {
    if (alone && before !== undefined) drawPoint(raster, before)
  }
  for (let i = 0; i < x.length; i += 1) {
    const here = { x: place.x(x[i]!), y: place.y(y[i]!) }
    if (before !== undefined && shape === 'steps') {
      raster.line(before.x, before.y, here.x, before.y)
      alone = false
    }
    if (Number.isNaN(here.y)) {
      settle()
      before = undefined
      continue
    }
    if (before === undefined) alone = true
    else {
      alone = false
      if (shape === 'steps') raster.line(here.x, before.y, here.x, here.y)
      else raster.line(before.x, before.y, here.x, here.y)
    }
    before = here
  }
  settle()
}

/** Draws four dots, because a single dot is hard to see. */
function drawPoint(raster: Raster, { x, y }: { readonly x: number; readonly y: number }): void {
  const left = Math.min(Math.round(x), raster.width - 2)
  const top = Math.min(Math.round(y), raster.height - 2)
  for (const across of [0, 1]) for (const down of [0, 1]) raster.dot(left + across, top + down)
}

function drawBand(raster: Raster, { x, y }: ChartSeries, upTo: Float64Array, place: Place): void {
  let before: readonly [x: number, low: number, high: number] | undefined
  for (let i = 0; i < x.length; i += 1) {
    const here = [place.x(x[i]!), place.y(y[i]!), place.y(upTo[i]!)] as const
    if (Number.isNaN(here[1]) || Number.isNaN(here[2])) {
      before = undefined
      continue
    }
    const [fromX, fromLow, fromHigh] = before ?? here
    const [toX, toLow, toHigh] = here
    const first = Math.max(0, Math.round(fromX))
    const last = Math.min(raster.width - 1, Math.round(toX))
    for (let column = first; column <= last; column += 1) {
      const part = last === first ? 1 : (column - first) / (last - first)
      fillColumn(raster, column, fromHigh + (toHigh - fromHigh) * part, fromLow + (toLow - fromLow) * part)
    }
    before = here
  }
}

/** Fills every second dot, so that a line over the area can be seen without colour. */
function fillColumn(raster: Raster, column: number, high: number, low: number): void {
  const top = Math.max(0, Math.round(high))
  const bottom = Math.min(raster.height - 1, Math.round(low))
  for (let row = top; row <= bottom; row += 1) if ((row + column) % 2 === 0) raster.dot(column, row)
}

/** Adjacent cells of one series are coloured together: one escape sequence for all of them. */
function paintRow(
  raster: Raster,
  row: number,
  series: readonly ChartSeries[],
  marks: ReadonlyMap<number, string>,
  paintMark: Paint,
): string {
  let line = ''
  let piece = ''
  let layer = -1
  const flush = () => {
    if (piece !== '') line += layer < 0 ? piece : (series[layer]!.paint ?? plain)(piece)
    piece = ''
  }
  raster.row(row).forEach((cell, column) => {
    const mark = marks.get(column)
    if (mark !== undefined || cell.layer !== layer) flush()
    layer = cell.layer
    if (mark === undefined) piece += cell.text
    else line += paintMark(mark)
  })
  flush()
  return line
}

function xAxis({ min, max }: Span, label: (x: number) => string, indent: number, width: number): string {
  const room = Math.max(0, width - indent)
  const right = cut(label(max), room)
  if (max <= min) return padTo(' '.repeat(Math.min(indent, width)) + cut(label(min), room), width)
  const left = cut(label(min), Math.max(0, room - widthOf(right) - 1))
  return padTo(' '.repeat(indent) + padTo(left, room - widthOf(right)) + right, width)
}

function emptyLines({ width, height, empty = 'no data yet', paintAxis = plain }: ChartOptions): string[] {
  const text = cut(empty, width)
  const left = Math.floor((width - widthOf(text)) / 2)
  const middle = Math.floor((height - 1) / 2)
  return Array.from({ length: height }, (_, row) =>
    row === middle ? paintAxis(padTo(' '.repeat(left) + text, width)) : ' '.repeat(width),
  )
}

const plain: Paint = (text) => text
