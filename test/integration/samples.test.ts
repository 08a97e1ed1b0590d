import { expect, test } from 'vitest'
import { suspects } from '../../src/index.js'
import { readSamples, rankedSuspects } from '../../src/analysis/find-suspects.js'
import { samplesCommand } from '../../src/cli/commands/samples.js'
import { topSuspects } from '../../src/samples/suspect-ranking.js'
import { bodiesOf, launchTiny } from './helpers.js'

test('a run finds its wrong labels, names them and says what the model takes them for', async () => {
  const run = await launchTiny({ length: 200 }, { params: { predict: true } })
  expect(await run.result).toMatchObject({ status: 'completed', reason: 'all 200 steps trained' })
  // Once, after the last step.
  expect(await bodiesOf(run.dir, 'sample-predictions')).toMatchObject([
    { step: 199, firstIndex: 0, count: 100 },
  ])

  const { suspects: found, overview, damage } = await suspects(run.dir, { count: 10 })
  expect(damage).toEqual([])
  expect(overview.noise).toMatchObject({ wrong: 10, right: 90 })
  expect(found.map(({ meanLoss }) => meanLoss)).toEqual(
    found.map(({ meanLoss }) => meanLoss).toSorted((a, b) => b - a),
  )
  const wrong = found.filter(({ isWrong }) => isWrong)
  expect(wrong.length).toBe(overview.noise?.found)
  // Every tenth label is wrong: of ten at random, one.
  expect(wrong.length).toBeGreaterThanOrEqual(5)
  for (const { index, id, predicted, labelProbability } of found) {
    expect(id).toBe(`point, ${index}`)
    expect(predicted).toBeLessThan(3)
    expect(labelProbability).toBeGreaterThan(0)
  }
  // Where two classes are as likely as each other, the label has at most half.
  for (const { label, predicted, labelProbability } of found)
    expect(label === predicted ? labelProbability! > 1 / 3 : labelProbability! <= 0.5).toBe(true)

  const lines: string[] = []
  const command = samplesCommand((text) => lines.push(...text.split('\n')))
  await command.parseAsync([run.dir, '--csv'], { from: 'user' })
  expect(lines).toHaveLength(101)
  expect(lines[1]).toMatch(/^"point, \d+",\d+,/)

  // Block by block it is the same ranking under the same names.
  const { losses } = await readSamples(run.dir)
  const blocks = []
  for await (const block of rankedSuspects(run.dir, losses, 100, 7)) blocks.push(block)
  expect(blocks.map(({ length }) => length)).toEqual([...new Array<number>(14).fill(7), 2])
  expect(blocks.flat().slice(0, 10)).toEqual(found)
  expect(blocks.flat().map(({ index }) => index)).toEqual(topSuspects(losses, 100).map(({ index }) => index))
})

test('what a script asks for must be a number of samples of a run that there is', async () => {
  await expect(suspects('none', { count: 0 })).rejects.toThrow('count must be a whole number from 1, not 0')
  await expect(suspects('none')).rejects.toMatchObject({ code: 'run-directory' })
})
