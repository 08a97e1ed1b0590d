import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { reviewCommand } from '../../../src/cli/commands/review.js'
import { csvHeader, csvRows } from '../../../src/ui/lines/suspects-csv.js'
import type { Sheet } from '../../../src/review/sheet.js'
import { temporaryRoot } from '../../helpers/runs.js'

/** Four suspects, of which three are wrong, and twenty random ones of 96, of which one is. */
const sheet: Sheet = { run: 'digits-1', samples: '100', drawn: { suspects: 4, random: 20, others: 96 } }
const suspects = Array.from({ length: 24 }, (_, index) => ({
  rank: index + 1,
  index,
  label: 1,
  meanLoss: 1,
  lossSpread: 0,
  lastLoss: 1,
  meanWeight: 1,
  timesSeen: 1,
}))
const text = [
  csvHeader({ isBlind: true }),
  csvRows(suspects, {
    sheet,
    strata: suspects.map((_, i) => (i < 4 ? 'suspect' : 'random')),
    isBlind: true,
  }),
].join('\n')

async function review(actions: readonly string[], ...flags: string[]): Promise<string[]> {
  const file = join(temporaryRoot(), 'review.csv')
  const lines = text.split('\n')
  const filled = lines.map((line, i) =>
    i === 0 ? line : line.replace(',digits-1', `${actions[i - 1] ?? ''},digits-1`),
  )
  writeFileSync(file, filled.join('\r\n'))
  const printed: string[] = []
  await reviewCommand((line) => printed.push(...line.split('\n'))).parseAsync([file, ...flags], {
    from: 'user',
  })
  return printed
}

const complete = ['drop', 'relabel:3', 'drop', 'relabel:1', 'drop', ...Array<string>(19).fill('keep')]

test('a complete review tells the precision of the suspects and the share of wrong labels', async () => {
  const lines = (await review(complete)).join('\n').replaceAll(/\n {8,}|\n(?=digits-1$)/gm, ' ')
  expect(lines).toContain('24 of 24 samples reviewed, of the run digits-1')
  expect(lines).toContain('19 keep, 3 drop, 2 relabel, 0 empty')
  expect(lines).toContain('precision 75.0 %: 3 of 4 reviewed suspects are wrong')
  // (3 + 96/20) / 100
  expect(lines).toContain('about 7.80 % of 100 labels are wrong (95 % interval ')
  const object = JSON.parse((await review(complete, '--json')).join('')) as Record<string, unknown>
  expect(object).toMatchObject({ rows: 24, kept: 19, dropped: 3, relabelled: 2, open: 0, unknown: 0 })
  expect(object).toMatchObject({ suspects: { wrong: 3, judged: 4 }, random: { wrong: 1, judged: 20 } })
})

test('a review that is not complete says what is open', async () => {
  const lines = (await review(complete.slice(0, 2))).join('\n').replaceAll(/\n {8,}|\n(?=digits-1$)/gm, ' ')
  expect(lines).toContain('2 of 24 samples reviewed')
  expect(lines).toContain('0 keep, 1 drop, 1 relabel, 22 empty')
  expect(lines).toContain('unknown until suspects and random samples are reviewed')
})

test('a file that is no review is refused by name', async () => {
  await expect(review(['maybe'])).rejects.toThrow(/review\.csv: line 2, column "action": it is "maybe"/)
  await expect(reviewCommand(() => undefined).parseAsync(['missing.csv'], { from: 'user' })).rejects.toThrow(
    'cannot read the review missing.csv',
  )
})
