/** What somebody may have meant. */
import { editDistance } from '../edit-distance.js'

/** The name that differs from `given` by the fewest letters; undefined when none is near. */
export function nearest(given: string, known: readonly string[]): string | undefined {
  const limit = Math.ceil(given.length / 3)
  const ranked = known
    .map((name) => ({ name, distance: editDistance(given.toLowerCase(), name.toLowerCase()) }))
    .filter(({ distance }) => distance <= limit)
    .sort((a, b) => a.distance - b.distance)
  return ranked[0]?.name
}
