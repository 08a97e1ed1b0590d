/** The names that somebody may have meant who typed another one. */
import leven from 'leven'

/**
 * Up to three of `names` that are near to `typed`, the nearest first. Upper and lower case are the same. Near is a name that contains
 * `typed`, or that differs from it by at most a third of the letters of the longer one.
 */
export function nearest(typed: string, names: readonly string[]): string[] {
  return names
    .map((name) => ({ name, distance: distanceOf(typed.toLowerCase(), name.toLowerCase()) }))
    .filter(({ name, distance }) => distance <= Math.ceil(Math.max(typed.length, name.length) / 3))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, MOST)
    .map(({ name }) => name)
}

/** Letters that are inserted, deleted or replaced; half a letter where one text contains the other. */
function distanceOf(typed: string, name: string): number {
  if (typed === name) return 0
  return typed !== '' && name.includes(typed) ? CONTAINED : leven(typed, name)
}

const MOST = 3
const CONTAINED = 0.5
