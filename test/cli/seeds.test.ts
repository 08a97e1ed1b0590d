import { expect, test } from 'vitest'
import { seedList } from '../../src/cli/seeds.js'

test.each([
  ['1', [0]],
  ['5', [0, 1, 2, 3, 4]],
  ['200-203', [200, 201, 202, 203]],
  ['7-7', [7]],
  ['200,201,7', [200, 201, 7]],
  ['0-2, 2, 9', [0, 1, 2, 9]],
])('%s are the seeds %j', (text, seeds) => {
  expect(seedList(text)).toEqual(seeds)
})

test.each(['0', '', '-1', '5-3', '1.5', '1,,2', 'a-b', '1e3', '0x10'])('"%s" is refused', (text) => {
  expect(() => seedList(text)).toThrow(expect.objectContaining({ code: 'commander.invalidArgument' }))
})

test.each(['10001', '0-10000', '99999999999999999999'])('%s are too many, or too large', (text) => {
  expect(() => seedList(text)).toThrow(/At most 10000 seeds/)
})
