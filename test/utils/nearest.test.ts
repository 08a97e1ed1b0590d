import fc from 'fast-check'
import { expect, test } from 'vitest'
import { nearest } from '../../src/utils/nearest.js'

test.each([
  ['Noise', ['seed', 'noise'], ['noise']],
  ['sede', ['lr', 'seed', 'noise'], ['seed']],
  ['lamda', ['gamma', 'lambda', 'lr'], ['lambda', 'gamma']],
  ['weights', ['seed', 'noise'], []],
  ['xy', ['lr', 'a', ''], []],
  ['', ['seed'], []],
])('near to %j among %j are %j', (typed, names, near) => {
  expect(nearest(typed, names)).toEqual(near)
})

test('a name that contains what was typed is near, after an equal one and before those that differ', () => {
  expect(nearest('set', ['sat', 'my-long-set', 'set', 'sit', 'bet'])).toEqual(['set', 'my-long-set', 'sat'])
})

test('one wrong letter in a name of three or more is found', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[a-z]{3,12}$/), fc.nat(), (name, at) => {
      const i = at % name.length
      expect(nearest(`${name.slice(0, i)}_${name.slice(i + 1)}`, ['1234567', name])).toEqual([name])
    }),
  )
})
