/** `warmup`: a ramp before a schedule. */
import { AbsgdError } from '../errors.js'
import { linear } from './anneal.js'
import { requireSource } from './combine-schedules.js'
import { compile } from './compile-schedule.js'
import { durationOf, type DurationLike } from './duration.js'
import { scheduleOf, type ControlValue, type Schedule, type Space } from './schedule.js'

export interface WarmupArguments {
  /** Value at step 0. @default 0; in 1/value ±Infinity, which means off */
  readonly init?: number
  /** Duration of the ramp. Give either `over` or `warmupSteps`. */
  readonly over?: DurationLike
  /** Another name of `over`. */
  readonly warmupSteps?: DurationLike
  /** The quantity in which the ramp is linear, as in {@link linear}. @default 'value' */
  readonly space?: Space
  /** The schedule after the ramp, from its own start. The ramp ends at its first value. */
  readonly then: ControlValue
}

/** A linear ramp (in `space`) from `init` to the first value of `then`, followed by that schedule. */
export function warmup({ over, warmupSteps, then, space = 'value', ...given }: WarmupArguments): Schedule {
  const { init = space === 'inverse' ? Infinity : 0 } = given
  const next = requireSource(then, 0)
  if ((over === undefined) === (warmupSteps === undefined)) {
    throw new AbsgdError('experiment', `warmup is given ${over === undefined ? 'no' : 'two'} durations`, {
      hint: 'give its duration once: over: epochs(n), or warmupSteps: n',
    })
  }
  const duration = durationOf((over ?? warmupSteps)!, 'over of warmup')
  // The first value of a schedule does not depend on the steps of an epoch.
  const peak = compile(next, { stepsPerEpoch: 1, runSteps: 1 })(0)
  return scheduleOf({
    kind: 'join',
    parts: [linear({ init, end: peak, over: duration, space }).for(duration), next],
  })
}
