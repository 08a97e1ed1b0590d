/** Draws of trainings that may collapse under lambda, and what becomes of each with and without the guard. */
import { GUARD, type BackOff } from '../../src/schedule/feedback/guard.js'
import { createRandom, type Random } from '../../src/simulated/sampler.js'
import { trainToy, type Toy } from './toy-training.js'

export interface Draw {
  readonly toy: Toy
  readonly lambda: number
}

export interface Outcome extends Draw {
  /** Whether it learns at lambda off, and never rises by half. */
  readonly isHealthyOff: boolean
  /** Whether it learns at least half of what it learns at lambda off: without the guard, and under it. */
  readonly endsHealthy: boolean
  readonly endsHealthyGuarded: boolean
  /**
   * Without the guard: the first step at which the mean loss of ten steps is a fifth above the first one; where there is none, the
   * first step from which it never again is healthy. NaN for a run that ends healthy and never rises so.
   */
  readonly begins: number
  readonly backOffs: readonly BackOff[]
}

/** Classes 2 to 10,000, batches 4 to 512, |lambda| 0.1 to 20, losses times 0.01 to 100. @param cells - The most that B·C may be */
export function drawOf(seed: number, cells: number): Draw {
  const random = createRandom(seed, 7)
  const pick = <T>(...values: readonly T[]): T => values[random.below(values.length)]!
  const sizes = [2, 10, 100, 1_000, 10_000].flatMap((classes) =>
    [4, 8, 16, 32, 128, 512].map((batch) => ({ classes, batch })),
  )
  const { classes, batch } = pick(...sizes.filter((size) => size.classes * size.batch <= cells))
  const toy: Toy = {
    classes,
    used: Math.min(classes, pick(10, classes)),
    batch,
    lr: between(random, 0.003, 0.1),
    noise: pick(0, 0, 0.2),
    offset: pick(0, 1, 2),
    scale: pick(0.01, 0.1, 1, 1, 1, 10, 100),
    seed,
  }
  const size = pick(0.1, 0.5, 1, 2, 5, 20)
  return { toy, lambda: random.uniform() < 0.75 ? -size : size }
}

export function outcomeOf({ toy, lambda }: Draw, steps: number): Outcome {
  const off = trainToy(toy, { steps, lambda: () => Infinity }).cleanLosses
  const first = mean(off.slice(0, 1))
  const half = (first + mean(off.slice(-20))) / 2
  const isHealthy = (losses: readonly number[]) => mean(losses.slice(-20)) <= half
  const isHealthyOff = mean(off.slice(-20)) < 0.95 * first && Math.max(...tens(off)) < 1.5 * first
  if (!isHealthyOff) {
    return {
      toy,
      lambda,
      isHealthyOff,
      endsHealthy: false,
      endsHealthyGuarded: false,
      begins: NaN,
      backOffs: [],
    }
  }
  const bare = trainToy(toy, { steps, lambda: () => lambda }).cleanLosses
  const guarded = trainToy(toy, { steps, lambda: () => lambda, guard: GUARD })
  const rises = tens(bare).findIndex((loss) => loss > 1.2 * first)
  return {
    toy,
    lambda,
    isHealthyOff,
    endsHealthy: isHealthy(bare),
    endsHealthyGuarded: isHealthy(guarded.cleanLosses),
    begins:
      rises >= 0 ? rises + 9 : isHealthy(bare) ? NaN : tens(bare).findLastIndex((loss) => loss <= half) + 10,
    backOffs: guarded.backOffs,
  }
}

/** Whether the guard changed lambda; false if it only warned. */
export function hasChangedLambda({ backOffs }: Outcome): boolean {
  return backOffs.some(({ factor }) => factor !== 1)
}

/** Whether the guard reported the collapse within 100 steps of its beginning. */
export function isReported({ begins, backOffs }: Outcome): boolean {
  return backOffs.some(({ step }) => step <= 100 + (Number.isNaN(begins) ? 0 : begins))
}

/** Means over ten steps. */
function tens(losses: readonly number[]): readonly number[] {
  return losses.slice(9).map((_, i) => mean(losses.slice(i, i + 10)))
}

function mean(values: readonly number[]): number {
  const finite = values.filter((value) => !Number.isNaN(value))
  return finite.reduce((a, b) => a + b, 0) / finite.length
}

function between(random: Random, low: number, high: number): number {
  return low * (high / low) ** random.uniform()
}
