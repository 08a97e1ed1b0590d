/** What of a run's parameters a simulation follows. */
import { AbsgdError } from '../errors.js'
import { SIMULATION } from './data.js'

export interface SimulationSettings {
  readonly seed: number
  /** Share of wrong labels, 0 to 1. */
  readonly noise: number
}

/**
 * The parameters `seed` and `noise`, and what stands for them where an experiment has none.
 *
 * @throws AbsgdError 'experiment' for a seed that a Python worker would refuse too, and for a noise that is no share.
 */
export function simulationOf(params: Readonly<Record<string, unknown>>): SimulationSettings {
  const { seed = 0, noise = SIMULATION.noise } = params
  if (typeof seed !== 'number' || !Number.isInteger(seed) || seed < 0 || seed > 2 ** 53) {
    throw new AbsgdError(
      'experiment',
      `the parameter seed is ${JSON.stringify(seed)}; it must be a whole number from 0 to 2^53`,
    )
  }
  if (typeof noise !== 'number' || !(noise >= 0 && noise <= 1)) {
    throw new AbsgdError(
      'experiment',
      `the parameter noise is ${JSON.stringify(noise)}; a simulation takes it as the share of wrong labels, 0 to 1`,
    )
  }
  return { seed, noise }
}

/** What the parameters say differently from those that the worker was built with; none when they agree. */
export function differingParams(
  own: Readonly<Record<string, unknown>>,
  other: Readonly<Record<string, unknown>>,
): readonly string[] {
  const names = new Set([...Object.keys(own), ...Object.keys(other)])
  return [...names].filter((name) => JSON.stringify(own[name]) !== JSON.stringify(other[name])).sort()
}
