/** The records that a reader has seen, by (origin, incarnation, stream, seq), so that it can leave out duplicates. */
import type { RecordName } from '../../record/record-id.js'

export interface Seen {
  /** False if the record was seen before. */
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

/** Sequences have gaps only after damage, so that one number covers nearly all of them. */
interface Met {
  /** All sequences from 1 up to this one were seen. */
  through: number
  readonly beyond: Set<number>
}

function meet(met: Met, seq: number): boolean {
  if (seq <= met.through || met.beyond.has(seq)) return false
  met.beyond.add(seq)
  while (met.beyond.delete(met.through + 1)) met.through += 1
  return true
}
