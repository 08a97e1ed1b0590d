import { expect, test } from 'vitest'
import { strike, type BadFrames } from '../../src/controller/bad-frames.js'

function strikeAt(peer: string, ...times: readonly number[]) {
  let strikes: BadFrames = {}
  return times.map((atMs) => {
    const verdict = strike(strikes, peer, atMs)
    strikes = verdict.strikes
    return verdict
  })
}

test('a peer is out at its fifth bad frame within ten seconds', () => {
  expect(strikeAt('p', 0, 1, 2, 3, 9_999).map(({ out }) => out)).toEqual([false, false, false, false, true])
})

test('frames of more than ten seconds ago are forgiven', () => {
  expect(strikeAt('p', 0, 1, 2, 3, 10_004).some(({ out }) => out)).toBe(false)
})

test('the first of a burst is told apart, so that one note is made of it', () => {
  expect(strikeAt('p', 0, 1, 20_000).map(({ first }) => first)).toEqual([true, false, true])
})

test('one peer is not punished for another', () => {
  const { strikes } = strikeAt('p', 0, 1, 2, 3).at(-1) ?? { strikes: {} }
  expect(strike(strikes, 'q', 4).out).toBe(false)
})
