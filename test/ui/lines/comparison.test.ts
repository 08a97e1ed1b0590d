import { describe, expect, test } from 'vitest'
import { comparisonLines, seedsInWords } from '../../../src/ui/lines/comparison.js'
import { compareRuns } from '../../../src/statistics/compare-runs.js'
import { armOf, summary } from '../../helpers/summaries.js'

const accuracies = { sgd: [0.852, 0.861, 0.87], annealed: [0.951, 0.947, 0.87] }
const runs = Object.entries(accuracies).flatMap(([arm, values]) => armOf(arm, values))

describe('the table of a comparison', () => {
  test('shows each arm’s figures below the metric, and its difference to the first', () => {
    expect(comparisonLines(compareRuns(runs))).toEqual([
      'digits: 2 arms, 6 completed runs, seeds 0-2',
      '',
      '            n  mean ± sd        − sgd  95 % interval   wins',
      'val.accuracy, last (larger wins)',
      '  sgd       3  0.8610 ± 0.0090',
      '  annealed  3  0.923 ± 0.046    +0.06  [-0.07, +0.20]  2/3, 1 tie',
      '',
      "− sgd: difference seed by seed; 95 % interval of its mean by Student's t",
    ])
  })

  test('says what is not paired, what was left out, and in what arms and their runs differ', () => {
    const other = summary({ arm: 'annealed', params: { seed: 7, lr: 1 }, final: { 'val.accuracy': 1 } })
    const edited = { ...other, config: { ...other.config, params: { seed: 7 }, length: '5 epochs' } }
    const text = comparisonLines(
      compareRuns([...runs, { ...edited, run: 'edited' }, { ...other, status: 'lost' }]),
    )
      .join(' ')
      .replaceAll(/\s+/g, ' ')
    expect(text).toContain('not paired: seed 7 of annealed, which sgd lacks')
    expect(text).toContain('left out: annealed-7-1 (lost)')
    expect(text).toContain('warning: the runs of annealed differ in length: 10 epochs')
    expect(text).toContain('5 epochs (edited)')
  })

  test('without three pairs has no interval, and says why', () => {
    const lines = comparisonLines(compareRuns([...armOf('a', [1, 2]), ...armOf('b', [2, 4])]))
    expect(lines.join('\n')).toMatch(/^ {2}b +2 +3\.0 ± 1\.4 +\+1\.5 +2\/2$/m)
    expect(lines.at(-1)).toBe('an interval takes three seeds that both arms have')
  })

  test('of one arm has no differences', () => {
    const lines = comparisonLines(compareRuns(armOf('a', [1, 2, 3])))
    expect(lines.slice(2)).toEqual([
      '     n  mean ± sd',
      'val.accuracy, last (larger wins)',
      '  a  3  2.0 ± 1.0',
    ])
  })

  test('leaves out what is about the weights unless it is asked for', () => {
    const run = summary({ final: { 'train.loss': 1, 'train.ess_ratio': 0.5 }, best: { 'val.accuracy': 0.9 } })
    const compared = compareRuns([run])
    expect(comparisonLines(compared).join('\n')).not.toContain('ess_ratio')
    const asked = comparisonLines(compared, { metrics: ['train.ess_ratio'] }).join('\n')
    expect(asked).toContain('train.ess_ratio, last')
    expect(asked).not.toContain('train.loss')
  })

  test('fits into 80 columns with names of any length, and obeys none of them', () => {
    const long = `${'x'.repeat(60)}\u001b[31m`
    const named = [...armOf(`a${long}`, [0.123, 0.456, 0.789]), ...armOf(`b${long}`, [0.523, 0.411, 0.789])]
    const lines = comparisonLines(compareRuns(named))
    for (const line of lines) expect([...line].length).toBeLessThanOrEqual(80)
    expect(lines.join('')).not.toMatch(/\p{Cc}/u)
  })
})

test('seeds are written as stretches', () => {
  expect(seedsInWords([4, 0, 1, 2, 9, 10])).toBe('0-2, 4, 9, 10')
  expect(seedsInWords(['b', 3, null])).toBe('3, b')
  expect(seedsInWords([])).toBe('')
})
