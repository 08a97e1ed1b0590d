/** Warnings about schedules that are permitted but are rarely intended. */
import { describe } from '../../schedule/describe-schedule.js'
import { smallLambda } from '../../schedule/feedback/small-lambda.js'
import { curveOf, type Segment } from '../../schedule/segment.js'
import type { ResolvedControls } from './resolve-controls.js'

/** The unit in which points of a run are given, and its length in steps. */
export interface Unit {
  readonly name: 'step' | 'epoch'
  readonly steps: number
}

export interface WarningFacts {
  /** 0 for a run without end. */
  readonly runSteps: number
  readonly unit: Unit
  /** Classes of the data; 0 if unknown. */
  readonly numClasses: number
}

/** @param segments every control's, by name */
export function warningsOf(
  controls: ResolvedControls,
  segments: ReadonlyMap<string, readonly Segment[]>,
  { runSteps, unit, numClasses }: WarningFacts,
): readonly string[] {
  const warnings: string[] = []
  for (const [name, ofControl] of segments) {
    if (name === 'lambda') warnings.push(...coldStart(ofControl, numClasses))
    if (runSteps > 0) warnings.push(...cutShort(name, describe(controls[name]!), ofControl, runSteps, unit))
  }
  return warnings
}

/**
 * A network that knows nothing yet has large losses everywhere: under a |λ| that is small against them a few samples take all the weight,
 * and training collapses to chance while the weighted loss looks perfect. A falling |λ| lets it learn first.
 */
function coldStart([start]: readonly Segment[], numClasses: number): readonly string[] {
  if (start === undefined) return []
  const value = curveOf(start)
  const lambda = value(start.from)
  const falls = start.curve !== 'constant' && Math.abs(value(start.from + start.over)) < Math.abs(lambda)
  const small = smallLambda(numClasses, 1)
  if (Math.abs(lambda) >= small || falls) return []
  const sign = lambda < 0 ? -1 : 1
  return [
    `lambda is ${lambda} from the first step on: while all losses are large (log C, of C classes: ${Math.log(numClasses || 10).toFixed(1)} of ` +
      `${numClasses || 10}), a smaller |lambda| puts the weight on a few samples, and training can collapse to chance. Begin with off() and ` +
      `come down gently: join(off().for(epochs(5)), exponential({ init: ${sign * Math.max(5, Math.ceil(small))}, end: ${lambda}, over: epochs(10) }))`,
  ]
}

function cutShort(
  name: string,
  text: string,
  segments: readonly Segment[],
  runSteps: number,
  unit: Unit,
): readonly string[] {
  const late = segments.findLast(({ from }) => from > runSteps)
  if (late === undefined) return []
  return [
    `${name} is not through at the end of the run (${runSteps / unit.steps} ${unit.name}s): "${text}" would come to its last value at ${unit.name} ${late.from / unit.steps}`,
  ]
}
