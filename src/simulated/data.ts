/**
 * The data of a simulated worker: clouds of points with wrong labels, hard samples and a rare class, generated from the seed.
 *
 * Shapes: N samples, D features, C classes.
 */
import { AbsgdError } from '../errors.js'
import { createRandom, type Random } from './sampler.js'

/** All settings of the simulation. */
export const SIMULATION = {
  /** N of the training data. */
  samples: 960,
  batchSize: 32,
  /** D: enough for a linear model to memorise wrong labels in time. */
  features: 48,
  /** Share of each class; the last is rare. */
  classShares: [0.3, 0.3, 0.3, 0.1],
  /** Share of wrong labels in training and validation data, unless the experiment has a parameter `noise` from 0 to 1. */
  noise: 0.3,
  /** Standard deviation of a sample's features around its centre. It determines which learning rates work well. */
  spread: 0.5,
  /** Distance of a class's centre from the origin, in spreads. */
  separation: 4.5,
  /** The hardest samples lie this share of the way to the origin. */
  difficulty: 0.6,
  /** N of the split `val`, with labels as noisy as in training. */
  validation: 320,
  /** N of the split `test`, without noise. */
  test: 960,
  /** The values of controls that have no column in the plan. */
  optimizer: { lr: 0.05, momentum: 0.9, weight_decay: 0 },
} as const

export const CLASSES = SIMULATION.classShares.length
export const FEATURES = SIMULATION.features

export interface SimulationSettings {
  readonly seed: number
  /** Share of wrong labels, 0 to 1. */
  readonly noise: number
}

/**
 * Reads the parameters `seed` and `noise`, with defaults for an experiment that has none.
 *
 * @throws AbsgdError 'experiment' for a seed that a Python worker refuses too, and for a noise outside of 0 to 1.
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

export interface Split {
  /** [N, D], row by row. */
  readonly features: Float64Array
  /** [N], as trained on or validated with. */
  readonly labels: Uint32Array
  /** [N]. */
  readonly trueLabels: Uint32Array
}

export interface SimulatedData {
  readonly train: Split
  readonly val: Split
  readonly test: Split
}

/** The data of a seed. `noise`: share of wrong labels, from 0 to 1. */
export function makeData(seed: number, noise: number): SimulatedData {
  const centres = makeCentres(createRandom(seed, STREAMS.centres))
  const make = (size: number, share: number, stream: number) =>
    makeSplit(centres, size, share, createRandom(seed, stream))
  return {
    train: make(SIMULATION.samples, noise, STREAMS.train),
    val: make(SIMULATION.validation, noise, STREAMS.val),
    test: make(SIMULATION.test, 0, STREAMS.test),
  }
}

/** [C, D]: random directions. */
function makeCentres(random: Random): readonly Float64Array[] {
  return SIMULATION.classShares.map(() => {
    const direction = Float64Array.from({ length: FEATURES }, () => random.gaussian())
    const length = Math.sqrt(direction.reduce((sum, value) => sum + value * value, 0))
    return direction.map((value) => (SIMULATION.separation * value) / length)
  })
}

function makeSplit(centres: readonly Float64Array[], size: number, noise: number, random: Random): Split {
  const features = new Float64Array(size * FEATURES)
  const labels = new Uint32Array(size)
  const trueLabels = new Uint32Array(size)
  for (let sample = 0; sample < size; sample++) {
    const label = classOf((sample + 0.5) / size)
    const nearness = 1 - SIMULATION.difficulty * random.uniform()
    centres[label]!.forEach((value, i) => {
      features[sample * FEATURES + i] = SIMULATION.spread * (nearness * value + random.gaussian())
    })
    trueLabels[sample] = label
    // Both numbers are always drawn, so that another share of noise does not change the points.
    const isWrong = random.uniform() < noise
    const shift = 1 + random.below(CLASSES - 1)
    labels[sample] = isWrong ? (label + shift) % CLASSES : label
  }
  return { features, labels, trueLabels }
}

/** The class at a quantile of the samples, which are ordered by class. */
function classOf(quantile: number): number {
  let sum = 0
  const found = SIMULATION.classShares.findIndex((share) => (sum += share) > quantile)
  return found < 0 ? CLASSES - 1 : found
}

const STREAMS = { centres: -1, train: -2, val: -3, test: -4 } as const
