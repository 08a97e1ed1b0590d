/** The random numbers of a simulation, and the order in which samples are drawn. Both depend only on the seed. */

export interface Sampler {
  /** The indices of the next batch, fewer at the end of an epoch. */
  draw(): Uint32Array
  /** Number of samples drawn since the start of the run: the whole state of the sampler. */
  consumed(): number
  moveTo(consumed: number): void
}

/** Draws batches without replacement, epoch after epoch. Moving to any position costs one permutation. */
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

/** The order of the samples in an epoch. */
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

export interface Random {
  /** In (0, 1). */
  uniform(): number
  /** A whole number in [0, limit). */
  below(limit: number): number
  /** Standard normal. */
  gaussian(): number
}

/**
 * Random numbers of a seed and a stream: the same on every machine, in any order of use.
 *
 * `seed` and `stream` are whole numbers; neighbouring ones give unrelated sequences.
 */
export function createRandom(seed: number, stream: number): Random {
  const bits = mix(seed, stream)
  let a = Number(bits & 0xffffffffn) | 0
  let b = Number(bits >> 32n) | 0
  let c = GOLDEN
  let count = 1

  // The generator sfc32: 128 bits of state with a counter, so that no cycle is shorter than 2³².
  function next(): number {
    const result = (a + b + count) | 0
    count = (count + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (((c << 21) | (c >>> 11)) + result) | 0
    return result >>> 0
  }

  for (let round = 0; round < WARM_UP; round++) next()
  const uniform = () => (next() + 0.5) / 2 ** 32
  return {
    uniform,
    below: (limit) => Math.floor(uniform() * limit),
    gaussian: () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()),
  }
}

/** Mixes a seed and the number of a stream to 64 bits (splitmix64), as the Python worker does. */
function mix(seed: number, stream: number): bigint {
  let z = BigInt.asUintN(64, BigInt(seed) * MULTIPLIERS[0] + BigInt(stream) * MULTIPLIERS[1] + OFFSET)
  z = BigInt.asUintN(64, (z ^ (z >> 30n)) * MULTIPLIERS[2])
  z = BigInt.asUintN(64, (z ^ (z >> 27n)) * MULTIPLIERS[3])
  return z ^ (z >> 31n)
}

const MULTIPLIERS = [
  0x9e3779b97f4a7c15n,
  0xd1b54a32d192ed03n,
  0xbf58476d1ce4e5b9n,
  0x94d049bb133111ebn,
] as const
const OFFSET = 0x632be59bd9b4e019n
const GOLDEN = 0x9e3779b9 | 0
const WARM_UP = 16
