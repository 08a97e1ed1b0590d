import { expect, test } from 'vitest'
import { reviewsInWords } from '../../src/history/reviews.js'
import { initialSnapshot, reduce } from '../../src/history/run-snapshot.js'
import { summarize } from '../../src/history/summarize-run.js'
import { compareRuns } from '../../src/statistics/compare-runs.js'
import { comparisonLines } from '../../src/ui/lines/comparison.js'
import { outcomeLines } from '../../src/ui/lines/page.js'
import type { Body } from '../../src/record/record.js'
import { ended, evaluation, manifest, note, records, steps } from '../helpers/records.js'

const sha256 = 'a1b2c3d4'.repeat(8)
const reviewed = note(`review: 37 dropped, 12 relabelled (sha256 ${sha256})`)

function summaryOf(bodies: readonly Body[], arm: string) {
  const snapshot = records([...bodies, steps(0, 5), evaluation(4, { accuracy: 0.9 }), ended(5)]).reduce(
    reduce,
    initialSnapshot(),
  )
  const described = manifest({ run: arm, arm, params: { seed: 1 } })
  return summarize({ snapshot, manifest: described, dir: `/runs/${arm}`, live: false })
}

test('a run says which review it trains on, once, however many notes there are', () => {
  const others = Array.from({ length: 300 }, (_, i) => note(`note ${i}`))
  const summary = summaryOf([reviewed, ...others, reviewed], 'after')
  expect(summary.reviews).toEqual([{ dropped: 37, relabelled: 12, sha256 }])
  expect(outcomeLines(summary).find((line) => line.startsWith('  review'))).toBe(
    '  review      37 dropped, 12 relabelled (a1b2c3d4)',
  )
  expect(summaryOf(others, 'before')).not.toHaveProperty('reviews')
})

test('a comparison says that one arm trains on reviewed data', () => {
  const compared = compareRuns([summaryOf([], 'before'), summaryOf([reviewed], 'after')])
  expect(comparisonLines(compared).join('\n').replaceAll(/\n +/g, ' ')).toContain(
    'the arms differ in review: none (before), 37 dropped, 12 relabelled (a1b2c3d4) (after)',
  )
})

test('several reviews are listed in order', () => {
  const second = { dropped: 1, relabelled: 0, sha256: '0'.repeat(64) }
  expect(reviewsInWords([{ dropped: 37, relabelled: 12, sha256 }, second])).toBe(
    '37 dropped, 12 relabelled (a1b2c3d4); 1 dropped, 0 relabelled (00000000)',
  )
})
