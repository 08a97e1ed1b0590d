/** Changes laid over a run's schedules from some step on, one over the other. */
import { column } from './compile-schedule.js'
import type { Segment } from './segment.js'

export type LayerTo =
  /** What the control follows from then on. Segments are in steps of the run, without holes from `from` on. */
  | { readonly kind: 'segments'; readonly segments: readonly Segment[] }
  /** What everything that it would have been is multiplied by. */
  | { readonly kind: 'factor'; readonly factor: number }

export interface Layer {
  readonly control: string
  /** First step that it holds for. */
  readonly from: number
  /** Of two that begin at one step the larger lies above; among equals the later in the list. */
  readonly rank: number
  readonly to: LayerTo
}

/** In the order in which they lie one over the other. */
export function ordered<L extends Layer>(layers: readonly L[]): readonly L[] {
  return [...layers].sort((a, b) => a.from - b.from || a.rank - b.rank)
}

/**
 * The values of one control over the steps [first, first + count): one that holds for all of them, or one a step.
 *
 * @param base - Its values without layers, in the same form; undefined where it is none of the run's controls
 * @param layers - Its own, in order
 * @returns Undefined where it has no value at the first of these steps
 */
export function layered(
  base: Float64Array | undefined,
  layers: readonly Layer[],
  first: number,
  count: number,
): Float64Array | undefined {
  const met = layers.filter(({ from }) => from < first + count)
  if (met.length === 0) return base
  if (base === undefined && met[0]!.from > first) return undefined
  const values = expanded(base, count)
  for (const { from, to } of met) {
    const begin = Math.max(from, first) - first
    if (to.kind === 'factor') {
      for (let i = begin; i < count; i++) values[i]! *= to.factor
    } else {
      const replaced = column(to.segments, first + begin, count - begin)
      for (let i = begin; i < count; i++) values[i] = replaced[replaced.length === 1 ? 0 : i - begin]!
    }
  }
  return values.every((value) => value === values[0]) ? values.slice(0, 1) : values
}

function expanded(base: Float64Array | undefined, count: number): Float64Array {
  if (base?.length === count) return base.slice()
  return new Float64Array(count).fill(base?.[0] ?? NaN)
}
