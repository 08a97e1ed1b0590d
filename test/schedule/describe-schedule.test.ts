import { expect, test } from 'vitest'
import { cosine, exponential, linear, off, steps } from '../../src/schedule/anneal.js'
import { bound, join, scale, twoStage } from '../../src/schedule/combine-schedules.js'
import { describe as inWords } from '../../src/schedule/describe-schedule.js'
import { epochs } from '../../src/schedule/duration.js'
import { extentOf } from '../../src/schedule/schedule-parts.js'
import { warmup } from '../../src/schedule/warmup.js'

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
  [
    linear({ init: Infinity, end: -0.5, over: 10, space: 'inverse' }),
    'linear off → -0.5 in 1/value over 10 steps',
  ],
  [cosine({ init: 5, end: 1, over: 10, space: 'log' }), 'cosine 5 → 1 in log over 10 steps'],
  [scale(cosine({ init: 1, over: 10 }), 0.1), '0.1 × (cosine 1 → 0 over 10 steps)'],
  [
    join(bound(join(off().for(5), cosine({ init: 5, over: 10 })), { min: 0.5 }).for(20), 1),
    '((off for 5 steps, then cosine 5 → 0 over 10 steps) held at 0.5 and more) for 20 steps, then 1',
  ],
  [bound(cosine({ init: 5, over: 10 }), { max: 3 }), 'cosine 5 → 0 over 10 steps held at 3 and less'],
  [bound(cosine({ init: 5, over: 10 }), { min: 1, max: 3 }), 'cosine 5 → 0 over 10 steps held within 1 to 3'],
  [join(join(off().for(2), 1).for(epochs(3)), 2), '(off for 2 steps, then 1) for 3 epochs, then 2'],
])('a schedule is told in words: %#', (schedule, words) => {
  expect(inWords(schedule)).toBe(words)
})

test('the extent of a schedule is the sum of its pieces, or none', () => {
  expect(extentOf(join(off().for(epochs(5)), off().for(7)))).toEqual({ epochs: 5, steps: 7 })
  expect(extentOf(join(off().for(epochs(5)), 7))).toBeUndefined()
  expect(extentOf(off())).toBeUndefined()
})
