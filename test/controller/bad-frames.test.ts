import { expect, test } from 'vitest'
import { countBadFrame, type BadFrames } from '../../src/controller/bad-frames.js'

function countAt(peer: string, ...times: readonly number[]) {
  let badFrames: BadFrames = {}
  return times.map((atMs) => {
    const counted = countBadFrame(badFrames, peer, atMs)
    badFrames = counted.badFrames
    return counted
  })
}

test('a peer is over the limit at its fifth bad frame within ten seconds', () => {
  const counted = countAt('p', 0, 1, 2, 3, 9_999)
  expect(counted.map(({ isOverLimit }) => isOverLimit)).toEqual([false, false, false, false, true])
})

test('frames of more than ten seconds ago do not count', () => {
  expect(countAt('p', 0, 1, 2, 3, 10_004).some(({ isOverLimit }) => isOverLimit)).toBe(false)
})

test('the first bad frame of a burst is marked, so that one note is made of it', () => {
  expect(countAt('p', 0, 1, 20_000).map(({ isFirst }) => isFirst)).toEqual([true, false, true])
})

test('bad frames of one peer do not count for another', () => {
  const { badFrames } = countAt('p', 0, 1, 2, 3).at(-1) ?? { badFrames: {} }
  expect(countBadFrame(badFrames, 'q', 4).isOverLimit).toBe(false)
})
