/** Describes a schedule in words: "off for 5 epochs, then exponential -5 → -0.5 over 10 epochs". */
import { describeDuration } from './duration.js'
import { sourceOf, type Bounds, type ControlValue, type Shape, type Source, type Space } from './schedule.js'

export function describe(value: ControlValue): string {
  return describeSource(sourceOf(value))
}

function describeSource(source: Source): string {
  const text = describeShape(source.shape)
  if (!('duration' in source)) return text
  const { shape, duration } = source
  if (shape.kind === 'ramp' && shape.over.epochs === duration.epochs && shape.over.steps === duration.steps)
    return text
  return `${enclosed(text, shape)} for ${describeDuration(duration)}`
}

function describeShape(shape: Shape): string {
  switch (shape.kind) {
    case 'constant':
      return describeValue(shape.value)
    case 'ramp':
      return `${shape.curve} ${describeValue(shape.init)} → ${describeValue(shape.end)}${SPACES[shape.space ?? 'value']} over ${describeDuration(shape.over)}`
    case 'steps':
      return [
        `steps ${shape.init}`,
        ...shape.at.map(([boundary, value]) => `${value} from ${describeDuration(boundary)}`),
      ].join(', ')
    case 'join':
      return shape.parts.map(describeSource).join(', then ')
    case 'scale':
      return `${shape.factor} × (${describeSource(shape.source)})`
    case 'bound':
      return `${enclosed(describeSource(shape.source), shape.source.shape)}${describeBounds(shape.bounds)}`
    case 'feedback':
      return shape.rule.name
    default:
      return shape satisfies never
  }
}

/** Adds brackets if a following phrase could be read as part of the last part only. */
function enclosed(text: string, { kind }: Shape): string {
  return kind === 'join' || kind === 'bound' ? `(${text})` : text
}

function describeBounds({ min, max }: Bounds): string {
  if (max === Infinity) return min === 0 ? '' : ` held at ${min} and more`
  return min === 0 ? ` held at ${max} and less` : ` held within ${min} to ${max}`
}

function describeValue(value: number): string {
  return Number.isFinite(value) ? String(value) : 'off'
}

const SPACES: Readonly<Record<Space, string>> = { value: '', log: ' in log', inverse: ' in 1/value' }
