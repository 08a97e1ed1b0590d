/** Schedules in words: "off for 5 epochs, then exponential -5 → -0.5 over 10 epochs". */
import { describeDuration } from './duration.js'
import { sourceOf, type ControlValue, type Shape, type Source } from './schedule.js'

export function describe(value: ControlValue): string {
  return describeSource(sourceOf(value))
}

function describeSource(source: Source): string {
  const text = describeShape(source.shape)
  if (!('duration' in source)) return text
  const { shape, duration } = source
  if (shape.kind === 'ramp' && shape.over.epochs === duration.epochs && shape.over.steps === duration.steps)
    return text
  const inner = shape.kind === 'join' ? `(${text})` : text
  return `${inner} for ${describeDuration(duration)}`
}

function describeShape(shape: Shape): string {
  switch (shape.kind) {
    case 'constant':
      return describeValue(shape.value)
    case 'ramp':
      return `${shape.curve} ${shape.init} → ${shape.end} over ${describeDuration(shape.over)}`
    case 'steps':
      return [
        `steps ${shape.init}`,
        ...shape.at.map(([boundary, value]) => `${value} from ${describeDuration(boundary)}`),
      ].join(', ')
    case 'join':
      return shape.parts.map(describeSource).join(', then ')
    default:
      return shape satisfies never
  }
}

function describeValue(value: number): string {
  return Number.isFinite(value) ? String(value) : 'off'
}
