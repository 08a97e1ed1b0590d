import { describe, expect, test } from 'vitest'
import { beginningLine, endingLines, secondsLeft } from '../../../src/ui/lines/run-set.js'
import { summary } from '../../helpers/summaries.js'

const progress = { over: 3, total: 12, secondsLeft: 80 }

describe('a line of a set of runs', () => {
  test('says what came of a run, how many are over, and how long the rest takes', () => {
    const run = summary({
      arm: 'gce',
      params: { seed: 1 },
      final: { 'val.accuracy': 0.9123 },
      best: { 'val.accuracy': 0.95 },
    })
    expect(endingLines(run, 9.1, progress)).toEqual([
      ' 3/12  gce-1  val.accuracy 0.9123  best 0.95  9.1 s  eta 1 min 20 s',
    ])
    const long = endingLines({ ...run, run: 'a-name-of-thirty-four-characters-x' }, 9.1, progress)
    expect(long).toEqual([' 3/12  a-name-of-thirty-four-characters-x  val.accuracy 0.9123  eta 1 min 20 s'])
  })

  test('gives the loss where there is no objective, and no time while none is known, or needed', () => {
    const run = summary({ final: { 'train.loss': 0.25 } })
    expect(endingLines(run, 2, { ...progress, secondsLeft: NaN })).toEqual([
      ' 3/12  digits  train.loss 0.25  2.0 s',
    ])
    expect(endingLines(run, 2, { over: 12, total: 12, secondsLeft: 0 })[0]).not.toContain('eta')
  })

  test('says why a run is not completed', () => {
    const run = { ...summary({ arm: 'a', status: 'failed' }), reason: 'the task raised ValueError' }
    expect(endingLines(run, 1, progress)).toEqual([
      ' 3/12  a  failed  1.0 s  eta 1 min 20 s',
      '    the task raised ValueError',
    ])
  })

  test('says how a run begins', () => {
    const line = (beginning: Parameters<typeof beginningLine>[1]) => beginningLine('a', beginning, progress)
    expect(line({ type: 'new' })).toBe('       a  started')
    expect(line({ type: 'resumed', status: 'interrupted', steps: 40 })).toBe(
      '       a  goes on after 40 steps (it was interrupted)',
    )
    expect(line({ type: 'joined', pid: 7 })).toBe('       a  is running already (pid 7)')
  })
})

describe('the time left', () => {
  test('is that of the runs under way and those that wait, shared by the jobs', () => {
    // Typically 10 s: two under way have 6 s and none left, four wait; (6 + 0 + 40) / 2.
    expect(secondsLeft([8, 12], [4, 15], 4, 2)).toBe(23)
    // Three jobs, but two runs.
    expect(secondsLeft([10], [0, 5], 0, 3)).toBe(7.5)
  })

  test('is unknown before the first run is over', () => {
    expect(secondsLeft([], [1], 3, 2)).toBeNaN()
  })
})
