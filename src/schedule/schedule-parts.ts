/** Properties of a schedule that are known before the steps of an epoch are: its parts, its duration. */
import { AbsgdError } from '../errors.js'
import { add, isNothing, type Duration } from './duration.js'
import type { Shape, Source } from './schedule.js'
import { sided, within } from './segment.js'

/** A part of a schedule with a single curve, and the duration before it. */
export interface Leaf {
  readonly after: Duration
  readonly shape: Exclude<Shape, { kind: 'join' | 'scale' | 'bound' }>
}

/** The parts of a schedule in the order of training, without those of duration 0. */
export function leavesOf(source: Source, after: Duration = { epochs: 0, steps: 0 }): readonly Leaf[] {
  const { shape } = source
  if (shape.kind === 'scale') {
    return leavesOf(shape.source, after).map((leaf) => mapped(leaf, (value) => product(value, shape.factor)))
  }
  if (shape.kind === 'bound') {
    return leavesOf(shape.source, after).map((leaf) => mapped(leaf, (value) => within(value, shape.bounds)))
  }
  if (shape.kind !== 'join') return [{ after, shape }]
  const leaves: Leaf[] = []
  let start = after
  for (const part of shape.parts) {
    const duration = 'duration' in part ? part.duration : undefined
    if (duration !== undefined && isNothing(duration)) continue
    leaves.push(...leavesOf(part, start))
    if (duration !== undefined) start = add(start, duration)
  }
  return leaves
}

/** The duration of a schedule; undefined if it has no end. */
export function extentOf(source: Source): Duration | undefined {
  if ('duration' in source) return source.duration
  if (source.shape.kind === 'scale' || source.shape.kind === 'bound') return extentOf(source.shape.source)
  if (source.shape.kind !== 'join') return undefined
  let total: Duration = { epochs: 0, steps: 0 }
  for (const part of source.shape.parts) {
    const extent = extentOf(part)
    if (extent === undefined) return undefined
    total = add(total, extent)
  }
  return total
}

/** All durations in a schedule. */
export function durationsOf(source: Source): readonly Duration[] {
  const own = 'duration' in source ? [source.duration] : []
  const { shape } = source
  switch (shape.kind) {
    case 'constant':
    case 'feedback':
      return own
    case 'scale':
    case 'bound':
      return [...own, ...durationsOf(shape.source)]
    case 'ramp':
      return [...own, shape.over]
    case 'steps':
      return [...own, ...shape.at.map(([boundary]) => boundary)]
    case 'join':
      return [...own, ...shape.parts.flatMap(durationsOf)]
    default:
      return shape satisfies never
  }
}

/** The leaf with `change` applied to its end values, and so to the curve between them. */
function mapped({ after, shape }: Leaf, change: (value: number) => number): Leaf {
  switch (shape.kind) {
    case 'constant':
      return { after, shape: { ...shape, value: change(shape.value) } }
    case 'ramp': {
      const { init, end } = sided(shape)
      return { after, shape: { ...shape, init: change(init), end: change(end) } }
    }
    case 'steps':
      return {
        after,
        shape: {
          ...shape,
          init: change(shape.init),
          at: shape.at.map(([boundary, value]) => [boundary, change(value)] as const),
        },
      }
    case 'feedback':
      return { after, shape }
    default:
      return shape satisfies never
  }
}

function product(value: number, factor: number): number {
  const scaled = value * factor
  const lost = (scaled === 0 && value !== 0) || (!Number.isFinite(scaled) && Number.isFinite(value))
  if (!lost) return scaled
  throw new AbsgdError('experiment', `${value} scaled by ${factor} cannot be represented as a number`)
}

/** Whether any part of a schedule is decided while the run trains. */
export function isFeedback(source: Source): boolean {
  return leavesOf(source).some(({ shape }) => shape.kind === 'feedback')
}
