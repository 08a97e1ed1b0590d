import { expect, test } from 'vitest'
import { groupsOfStat } from '../../src/process/foreground.js'

test.each([
  ['4711 (node) S 4700 4711 4700 34816 4711 4194304 1', { terminal: 4711, own: 4711 }],
  ['4711 (node) S 4700 4711 4700 34816 4700 4194304 1', { terminal: 4700, own: 4711 }],
  ['4711 (a) R 1 2 (b) S) S 4700 4711 4700 0 -1 4194304 1', { terminal: -1, own: 4711 }],
  ['nonsense', undefined],
])('the process groups of a process are told by its line of /proc: %s', (stat, groups) => {
  expect(groupsOfStat(stat)).toEqual(groups)
})
