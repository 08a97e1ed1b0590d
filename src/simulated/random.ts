/** Random numbers as a function of a seed and a stream's number alone: the same on every machine, in any order of use. */

export interface Random {
  /** In (0, 1). */
  uniform(): number
  /** A whole number in [0, limit). */
  below(limit: number): number
  /** Standard normal. */
  gaussian(): number
}

/** `seed` and `stream` are whole numbers; neighbours give unrelated sequences. */
export function createRandom(seed: number, stream: number): Random {
  const bits = mix(seed, stream)
  let a = Number(bits & 0xffffffffn) | 0
  let b = Number(bits >> 32n) | 0
  let c = GOLDEN
  let count = 1

  // A small chaotic generator of 128 bits with a counter, so that no cycle is shorter than 2³².
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

/** 64 bits of a seed and a stream's number (splitmix64), as the Python worker mixes them. */
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
