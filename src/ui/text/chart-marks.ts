/** Marks on a chart for values that a line cannot show: NaN, infinities, and values outside the y axis. */
import { DOTS_ACROSS } from './braille.js'
import type { Span } from './chart-axis.js'

/** Which values at a point are not finite: a sum of these numbers, or 0 for none. history/series has the same numbers. */
const NAN = 1
const INFINITY = 2
const MINUS_INFINITY = 4

export interface MarkedSeries {
  readonly x: Float64Array
  readonly y: Float64Array
  readonly upTo?: Float64Array
  readonly notFinite?: Uint8Array
}

/** Characters by column of the chart, for its first and its last row. */
export interface Marks {
  readonly top: ReadonlyMap<number, string>
  readonly bottom: ReadonlyMap<number, string>
}

export interface MarkOptions {
  readonly columns: number
  /** Position in dots from the left. */
  readonly placeX: (x: number) => number
  /** Undefined where no value is finite. */
  readonly y: Span | undefined
  readonly ascii: boolean
  /** On a logarithmic axis, values of 0 and below are gaps and get no mark. */
  readonly log: boolean
}

/** Marks for NaN and for values below the axis are in the last row, marks for values above the axis in the first. */
export function marksOf(series: readonly MarkedSeries[], options: MarkOptions): Marks {
  const { columns, placeX, y, ascii, log } = options
  const [nan, above, below] = ascii ? ['x', '^', 'v'] : ['×', '▲', '▼']
  const top = new Map<number, string>()
  const bottom = new Map<number, string>()
  for (const one of series) {
    for (let i = 0; i < one.x.length; i += 1) {
      const kinds = one.notFinite?.[i] ?? 0
      const low = one.y[i]!
      const high = one.upTo?.[i] ?? low
      const isAbove = y !== undefined && Number.isFinite(high) && high > y.max
      const isBelow = y !== undefined && Number.isFinite(low) && low < y.min && !(log && low <= 0)
      if (kinds === 0 && !isAbove && !isBelow) continue
      const column = Math.min(columns - 1, Math.max(0, Math.floor(placeX(one.x[i]!) / DOTS_ACROSS)))
      if ((kinds & INFINITY) !== 0 || isAbove) top.set(column, above)
      if ((kinds & NAN) !== 0) bottom.set(column, nan)
      else if (((kinds & MINUS_INFINITY) !== 0 || isBelow) && bottom.get(column) !== nan)
        bottom.set(column, below)
    }
  }
  return { top, bottom }
}
