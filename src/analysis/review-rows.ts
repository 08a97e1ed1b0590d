/** The rows of a review: the suspects of a run and, if asked for, random samples among them. */
import { randomInt } from 'node:crypto'
import { topIndices } from '../samples/suspect-ranking.js'
import type { SampleLosses } from '../samples/sample-losses.js'
import type { Drawn, Stratum } from '../review/sheet.js'

export interface ReviewRows {
  /** Indices of samples in the order of the rows. */
  readonly indices: Uint32Array
  /** Place in the ranking, from 1, by index; only of suspects. */
  readonly ranks: ReadonlyMap<number, number>
  readonly drawn: Drawn
}

/**
 * The first `suspects` of the ranking. With `mix`, so many of the other ranked samples as well, each equally likely, and all rows in
 * random order, so that nothing shows which are which. The random numbers are those of the system, without a seed.
 *
 * @param below - A random whole number from 0 to `n` − 1.
 */
export function reviewRows(
  losses: SampleLosses,
  { suspects, mix, label }: { suspects: number; mix: number; label?: number | undefined },
  below: (n: number) => number = randomInt,
): ReviewRows {
  const ranked = topIndices(losses, losses.size)
  const chosen = Math.min(suspects, ranked.length)
  const others = ranked.length - chosen
  const random = Math.min(mix, others)
  const drawn: Drawn = { suspects: chosen, random, others, ...(label === undefined ? {} : { label }) }
  const ranks = new Map<number, number>()
  // Without random samples the order shows the ranks.
  if (mix > 0) for (let i = 0; i < chosen; i += 1) ranks.set(ranked[i]!, i + 1)
  // Fisher-Yates: first draws `random` of the others to the front of them, then mixes these with the suspects.
  for (let i = chosen; i < chosen + random; i += 1) swap(ranked, i, i + below(ranked.length - i))
  const indices = ranked.subarray(0, chosen + random)
  if (mix > 0) for (let i = indices.length - 1; i > 0; i -= 1) swap(indices, i, below(i + 1))
  return { indices, ranks, drawn }
}

/** Whether the row at position `i` is a suspect. */
export function stratumOfRow({ indices, ranks, drawn }: ReviewRows, i: number): Stratum {
  return drawn.random === 0 || ranks.has(indices[i]!) ? 'suspect' : 'random'
}

function swap(values: Uint32Array, a: number, b: number): void {
  ;[values[a], values[b]] = [values[b]!, values[a]!]
}
