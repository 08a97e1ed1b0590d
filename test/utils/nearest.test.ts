import { expect, test } from 'vitest'
import { editDistance, nearest } from '../../src/utils/nearest.js'

test.each([
  ['seed', 'seed', 0],
  ['', 'abc', 3],
  ['sede', 'seed', 2],
  ['kitten', 'sitting', 3],
])('from %j to %j it is so many letters: %d', (a, b, distance) => {
  expect(editDistance(a, b)).toBe(distance)
  expect(editDistance(b, a)).toBe(distance)
})

test('a name far from all is near none', () => {
  expect(nearest('weights', ['seed', 'noise'])).toBeUndefined()
  expect(nearest('Noise', ['seed', 'noise'])).toBe('noise')
})
