/** Which records a reader has met: (origin, incarnation, stream, seq) names one, and a second one is a duplicate. */
import type { RecordName } from '../../record/record-id.js'

export interface Seen {
  /** False when the record was met before. */
  add(name: RecordName): boolean
}

export function createSeen(): Seen {
  const writers = new Map<string, Met>()
  return {
    add({ origin, incarnation, stream, seq }) {
      const key = `${origin} ${incarnation} ${stream}`
      let met = writers.get(key)
      if (met === undefined) writers.set(key, (met = { through: 0, beyond: new Set() }))
      return meet(met, seq)
    },
  }
}

/** Sequences have no holes but for damage, so that one number stands for nearly all of them. */
interface Met {
  /** Everything from 1 up to this one. */
  through: number
  readonly beyond: Set<number>
}

function meet(met: Met, seq: number): boolean {
  if (seq <= met.through || met.beyond.has(seq)) return false
  met.beyond.add(seq)
  while (met.beyond.delete(met.through + 1)) met.through += 1
  return true
}
