import { describe, expect, test } from 'vitest'
import { epochs, every, untilStopped } from '../../src/schedule/duration.js'
import { fc, test as property } from '../schedule/property.js'
import { compiled } from './helper.js'

describe('events', () => {
  test('come after the last step of each period, evaluation before checkpoint', () => {
    const run = compiled({ length: 100, evaluate: every(epochs(1)), checkpoint: every(20) })
    expect(run.events(0, 30)).toEqual([
      { afterStep: 9, kind: 'evaluate' },
      { afterStep: 19, kind: 'evaluate' },
      { afterStep: 19, kind: 'checkpoint' },
      { afterStep: 29, kind: 'evaluate' },
    ])
  })

  test('do not drift where the period is no whole number of steps', () => {
    const run = compiled({ length: untilStopped(), evaluate: every(epochs(0.25)), checkpoint: 'end' }, 10)
    expect(run.events(0, 20).map(({ afterStep }) => afterStep)).toEqual([2, 4, 7, 9, 12, 14, 17, 19])
    expect(run.events(9999, 1)).toEqual([{ afterStep: 9999, kind: 'evaluate' }])
  })

  test('come after every step at most', () => {
    const run = compiled({ evaluate: every(epochs(0.001)), checkpoint: 'end' })
    expect(run.events(3, 2).map(({ afterStep }) => afterStep)).toEqual([3, 4])
  })

  test('leave out the end of the run, where both happen in any case', () => {
    const run = compiled({ length: 20, evaluate: every(10), checkpoint: every(20) })
    expect(run.events(0, 20)).toEqual([{ afterStep: 9, kind: 'evaluate' }])
  })

  test('come after every epoch unless told otherwise, and not before the end of a stream', () => {
    expect(compiled({ length: 20 }).events(0, 20)).toEqual([
      { afterStep: 9, kind: 'evaluate' },
      { afterStep: 9, kind: 'checkpoint' },
    ])
    expect(compiled({ length: 20 }, 0).events(0, 20)).toEqual([])
  })
})

property(
  [
    fc.integer({ min: 1, max: 500 }),
    fc.integer({ min: 1, max: 40 }),
    fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 8 }),
  ],
  'however the steps are cut, the events are the same',
  (hundredths, stepsPerEpoch, counts) => {
    const run = compiled(
      { length: untilStopped(), evaluate: every(epochs(hundredths / 100)), checkpoint: every(7) },
      stepsPerEpoch,
    )
    let first = 0
    const cut = counts.flatMap((count) => {
      first += count
      return run.events(first - count, count)
    })
    expect(cut).toEqual(run.events(0, first))
  },
)
