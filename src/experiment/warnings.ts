/** What is permitted and yet rarely meant. */
import { describe } from '../schedule/describe.js'
import { curveOf, type Segment } from '../schedule/segment.js'
import type { ResolvedControls } from './controls.js'

/** What points of a run are told in, and how many steps one of it is. */
export interface Unit {
  readonly name: 'step' | 'epoch'
  readonly steps: number
}

/** @param segments every control's, by name @param runSteps 0 for a run without end */
export function warningsOf(
  controls: ResolvedControls,
  segments: ReadonlyMap<string, readonly Segment[]>,
  runSteps: number,
  unit: Unit,
): readonly string[] {
  const warnings: string[] = []
  for (const [name, laidOut] of segments) {
    if (name === 'lambda') warnings.push(...coldStart(laidOut))
    if (runSteps > 0) warnings.push(...cutShort(name, describe(controls[name]!), laidOut, runSteps, unit))
  }
  return warnings
}

/**
 * A network that knows nothing yet has large losses everywhere: with a small |λ| a few samples take all the weight, and
 * training collapses to chance while the weighted loss looks perfect. A falling |λ| lets it learn first.
 */
function coldStart([start]: readonly Segment[]): readonly string[] {
  if (start === undefined) return []
  const value = curveOf(start)
  const lambda = value(start.from)
  const falls = start.curve !== 'constant' && Math.abs(value(start.from + start.over)) < Math.abs(lambda)
  if (Math.abs(lambda) >= SMALL_LAMBDA || falls) return []
  return [
    `lambda is ${lambda} from the first step on: while all losses are large, |lambda| < ${SMALL_LAMBDA} puts the weight on a few ` +
      `samples, and training can collapse to chance. Begin with off() and come down gently: join(off().for(epochs(5)), ` +
      `exponential({ init: ${lambda < 0 ? -5 : 5}, end: ${lambda}, over: epochs(10) }))`,
  ]
}

function cutShort(
  name: string,
  text: string,
  laidOut: readonly Segment[],
  runSteps: number,
  unit: Unit,
): readonly string[] {
  const late = laidOut.findLast(({ from }) => from > runSteps)
  if (late === undefined) return []
  return [
    `${name} is not through at the end of the run (${runSteps / unit.steps} ${unit.name}s): "${text}" would come to its last value at ${unit.name} ${late.from / unit.steps}`,
  ]
}

/** In units of the loss. */
const SMALL_LAMBDA = 2
