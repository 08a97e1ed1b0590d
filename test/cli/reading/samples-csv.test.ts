import { describe, expect, test } from 'vitest'
import { samplesCommand } from '../../../src/cli/commands/samples.js'
import { parseReview } from '../../../src/review/read-review.js'
import type { Body } from '../../../src/record/record.js'
import type { Manifest } from '../../../src/record/manifest.js'
import { ended, joined, predictions, sampleInfo, samples, started, steps } from '../../helpers/records.js'
import { temporaryRoot, writeRun } from '../../helpers/runs.js'

const size = 12
const range = Array.from({ length: size }, (_, i) => i)
const ids = range.map((i) => `data/train/class-${i % 2}/photo-${String(i).padStart(3, '0')}.jpeg`)
/** Of two classes, one label in four is wrong; the loss grows with the index, wrong labels lead but for one. */
const told = sampleInfo(
  range.map((i) => i % 2),
  { trueLabels: range.map((i) => (i % 4 === 3 ? 0 : i % 2)), ids },
)
const losses = range.map((i) => (i === 3 ? 0.5 : i / 10 + (i % 4 === 3 ? 5 : 0)))
const trained: Body[] = [
  started(),
  joined({ datasetSize: size }),
  steps(0, 2),
  told,
  samples(0, range, losses),
  samples(1, range, losses, { weights: range.map((i) => (i === 11 ? 0 : 1 / 11)) }),
]
const complete: Body[] = [
  ...trained,
  predictions(
    1,
    range.map(() => 0),
    { probabilities: range.map((i) => (i % 2 === 0 ? 0.9 : 0.1)) },
  ),
  ended(2),
]

async function run(bodies: readonly Body[], flags: readonly string[], more: Partial<Manifest> = {}) {
  const root = temporaryRoot()
  const dir = await writeRun(root, bodies, more)
  return { root, dir, lines: await ask(root, ...flags) }
}

async function ask(root: string, ...flags: string[]): Promise<string[]> {
  const printed: string[] = []
  await samplesCommand((text) => printed.push(...text.split('\n'))).parseAsync(
    ['digits-1', '--runs', root, ...flags],
    { from: 'user' },
  )
  return printed
}

describe('the samples as CSV', () => {
  test('are all of them unless told how many, in full precision, with quotes where names need them', async () => {
    const odd = ['a,b', 'say "so"', 'two\nlines', '=1+1', '']
    const known = sampleInfo([0, 1, 2, 3, 4], { ids: odd })
    const { root, lines } = await run(
      [started(), known, samples(0, [0, 1, 2, 3, 4], [5, 4, 3, Infinity, 0.1])],
      ['--csv'],
    )
    expect(lines[0]).toBe(
      'id,index,label,predicted,probability,action,rank,mean_loss,loss_spread,last_loss,mean_weight,times_seen,true_label,is_wrong,run,samples,drawn,row_code',
    )
    const sheet = /,,,digits-1,5\+,5 suspects and 0 of 0 others,[a-p]{12}$/
    for (const line of lines.filter((_, i) => i > 0 && i !== 4)) expect(line).toMatch(sheet)
    expect(lines.slice(1).map((line) => line.replace(sheet, ''))).toEqual([
      `=1+1,3,3,,,,1,Infinity,NaN,Infinity,${Math.fround(0.2) * 5},1`,
      `"a,b",0,0,,,,2,5,0,5,${Math.fround(0.2) * 5},1`,
      `"say ""so""",1,1,,,,3,4,0,4,${Math.fround(0.2) * 5},1`,
      '"two',
      `lines",2,2,,,,4,3,0,3,${Math.fround(0.2) * 5},1`,
      `,4,4,,,,5,${Math.fround(0.1)},0,${Math.fround(0.1)},${Math.fround(0.2) * 5},1`,
    ])
    const two = await ask(root, '--csv', '--suspects', '2')
    expect(two.map((line) => line.split(',digits-1')[0])).toEqual(
      lines.slice(0, 3).map((line) => line.split(',digits-1')[0]),
    )
    expect(two[1]).toContain(',2 suspects and 0 of 3 others,')
  })

  test('have the truth and the prediction where they are known', async () => {
    const { lines } = await run(complete, ['--csv', '--suspects', '1'])
    expect(lines[1]).toMatch(
      /^data\/train\/class-1\/photo-011\.jpeg,11,1,0,0\.1000000\d+,,1,6\.0999.*,0,true,digits-1,12,1 suspects and 0 of 11 others,/,
    )
  })
})

describe('a blind review', () => {
  test('shows nothing that tells its random samples from suspects, and can be read back', async () => {
    const { lines } = await run(complete, ['--csv', '--suspects', '4', '--mix', '5'])
    expect(lines[0]).toBe('id,index,label,predicted,probability,action,run,samples,drawn,row_code')
    expect(lines).toHaveLength(10)
    const review = parseReview(lines.join('\n'))
    expect(review.rows.every((row) => row.predicted === undefined && row.probability === undefined)).toBe(
      true,
    )
    const suspects = review.rows.filter(({ stratum }) => stratum === 'suspect').map(({ index }) => index)
    expect(suspects.toSorted((a, b) => a - b)).toEqual([7, 9, 10, 11].toSorted((a, b) => a - b))
    expect(review.rows.filter(({ stratum }) => stratum === 'random')).toHaveLength(5)
    expect(review.sheet).toMatchObject({ run: 'digits-1', samples: '12' })
  })

  test('needs suspects and CSV', async () => {
    await expect(run(complete, ['--csv', '--mix', '5'])).rejects.toThrow('--suspects and --csv must be given')
  })
})
