/** Which samples a step trains on: a function of the seed and of the samples consumed so far. */
import { createRandom } from './random.js'

export interface Sampler {
  /** The indices of the next batch, fewer at the end of an epoch. */
  draw(): Uint32Array
  /** Samples from the start of the run: all that there is to save. */
  consumed(): number
  moveTo(consumed: number): void
}

/** Draws batches without replacement, epoch after epoch; going to any position costs one permutation. */
export function createSampler(size: number, batchSize: number, seed: number): Sampler {
  let consumed = 0
  let order: { readonly epoch: number; readonly indices: Uint32Array } | undefined
  return {
    draw() {
      const epoch = Math.floor(consumed / size)
      if (order?.epoch !== epoch) order = { epoch, indices: permutation(size, seed, epoch) }
      const start = consumed % size
      const batch = order.indices.slice(start, start + batchSize)
      consumed += batch.length
      return batch
    },
    consumed: () => consumed,
    moveTo(position) {
      consumed = position
    },
  }
}

/** The order of an epoch. */
function permutation(size: number, seed: number, epoch: number): Uint32Array {
  const random = createRandom(seed, epoch)
  const indices = Uint32Array.from({ length: size }, (_, i) => i)
  for (let last = size - 1; last > 0; last--) {
    const other = random.below(last + 1)
    const moved = indices[last]!
    indices[last] = indices[other]!
    indices[other] = moved
  }
  return indices
}
