/** Applies edits on top of a run's schedules: each edit is a layer that begins at a step. */
import { column } from './compile-schedule.js'
import type { Segment } from './segment.js'

export type LayerTo =
  /** A new schedule from then on. Segments are in steps of the run and contiguous from `from` on. */
  | { readonly kind: 'segments'; readonly segments: readonly Segment[] }
  /** All later values are multiplied by `factor`. */
  | { readonly kind: 'factor'; readonly factor: number }

export interface Layer {
  readonly control: string
  /** First step that the layer applies to. */
  readonly from: number
  /** If two layers begin at the same step, the one with the larger rank is on top; with equal ranks, the later one in the list. */
  readonly rank: number
  readonly to: LayerTo
}

/** Layers in the order in which they are applied, the top layer last. */
export function ordered<L extends Layer>(layers: readonly L[]): readonly L[] {
  return [...layers].sort((a, b) => a.from - b.from || a.rank - b.rank)
}

/**
 * The values of one control over the steps [first, first + count): a single value if they are all the same, else one for each step.
 *
 * @param base - The values without layers, in the same form; undefined if the run does not plan this control
 * @param layers - The layers of this control, in order
 * @returns Undefined if the control has no value at the first of these steps
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
