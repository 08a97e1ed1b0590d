import { editDistance } from './nearest.js'

/** Up to three of `names` that someone who typed `typed` may have meant, the nearest first. */
export function nearest(typed: string, names: readonly string[]): string[] {
  return names
    .map((name) => ({ name, distance: name.includes(typed) && typed !== '' ? 0 : editDistance(typed, name) }))
    .filter(({ name, distance: far }) => far <= Math.max(2, name.length / 3))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, 3)
    .map(({ name }) => name)
}
