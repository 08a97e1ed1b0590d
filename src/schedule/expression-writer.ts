/** Writes a schedule as text that `parseSchedule` reads. */
import { AbsgdError } from '../errors.js'
import { isNothing, type Duration } from './duration.js'
import type { Shape, Source } from './schedule.js'

/** @throws AbsgdError 'usage' for a feedback schedule: its rule is code and cannot be written as text */
export function writeSchedule(source: Source): string {
  const text = writeShape(source.shape)
  if (!('duration' in source)) return text
  // A bare number has no method `.for` in the text.
  const callable = source.shape.kind === 'constant' ? `constant(${text})` : text
  return `${callable}.for(${writeDuration(source.duration)})`
}

function writeShape(shape: Shape): string {
  switch (shape.kind) {
    case 'constant':
      return writeNumber(shape.value)
    case 'ramp': {
      const { curve, init, end, over, space } = shape
      const within = space === undefined ? '' : `, space=${space}`
      return `${curve}(${writeNumber(init)}, ${writeNumber(end)}, over=${writeDuration(over)}${within})`
    }
    case 'steps': {
      const points = shape.at.map(
        ([boundary, value]) => `[${writeDuration(boundary)}, ${writeNumber(value)}]`,
      )
      return `steps(${writeNumber(shape.init)}, [${points.join(', ')}])`
    }
    case 'join':
      return `join(${shape.parts.map(writeSchedule).join(', ')})`
    case 'scale':
      return `scale(${writeSchedule(shape.source)}, ${writeNumber(shape.factor)})`
    case 'bound': {
      const { min, max } = shape.bounds
      return `bound(${writeSchedule(shape.source)}, min=${writeNumber(min)}, max=${writeNumber(max)})`
    }
    case 'feedback':
      throw new AbsgdError('usage', `${shape.rule.name} cannot be set while a run trains`, {
        hint: 'feedback schedules are part of an experiment',
      })
    default:
      return shape satisfies never
  }
}

function writeDuration(duration: Duration): string {
  const { epochs, steps } = duration
  if (epochs === 0 || isNothing(duration)) return String(steps)
  return steps === 0 ? `epochs(${epochs})` : `epochs(${epochs}, steps=${steps})`
}

function writeNumber(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value)
}
