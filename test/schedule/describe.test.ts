import { expect, test } from 'vitest'
import { cosine, exponential, off, steps } from '../../src/schedule/anneal.js'
import { join, twoStage, warmup } from '../../src/schedule/compose.js'
import { describe as inWords } from '../../src/schedule/describe.js'
import { epochs } from '../../src/schedule/duration.js'
import { extentOf } from '../../src/schedule/parts.js'

test.each([
  [0.9, '0.9'],
  [off(), 'off'],
  [
    join(off().for(epochs(5)), exponential({ init: -5, end: -0.5, over: epochs(10) })),
    'off for 5 epochs, then exponential -5 → -0.5 over 10 epochs',
  ],
  [twoStage({ off: epochs(1), lambda: -0.5 }), 'off for 1 epoch, then -0.5'],
  [
    warmup({ over: 100, then: cosine({ init: 0.1, over: epochs(60) }) }),
    'linear 0 → 0.1 over 100 steps, then cosine 0.1 → 0 over 60 epochs',
  ],
  [cosine({ init: 1, over: 10 }).for(5), 'cosine 1 → 0 over 10 steps for 5 steps'],
  [
    steps({
      init: 0.1,
      at: [
        [epochs(30), 0.01],
        [2000, 0.001],
      ],
    }),
    'steps 0.1, 0.01 from 30 epochs, 0.001 from 2000 steps',
  ],
  [join(join(off().for(2), 1).for(epochs(3)), 2), '(off for 2 steps, then 1) for 3 epochs, then 2'],
])('a schedule is told in words: %#', (schedule, words) => {
  expect(inWords(schedule)).toBe(words)
})

test('the extent of a schedule is the sum of its pieces, or none', () => {
  expect(extentOf(join(off().for(epochs(5)), off().for(7)))).toEqual({ epochs: 5, steps: 7 })
  expect(extentOf(join(off().for(epochs(5)), 7))).toBeUndefined()
  expect(extentOf(off())).toBeUndefined()
})
