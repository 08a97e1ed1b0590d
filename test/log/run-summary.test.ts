import {
  appendFileSync,
  cpSync,
  existsSync,
  readFileSync,
  renameSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { acquireLock } from '../../src/log/lock/run-lock.js'
import { readRunSummary } from '../../src/log/run-summary.js'
import { readRunView } from '../../src/log/run-view.js'
import type { Body } from '../../src/record/record.js'
import { ended, evaluation, joined, started, steps } from '../helpers/records.js'
import { temporaryRoot, writeRun } from '../helpers/runs.js'

const complete: Body[] = [
  started(),
  joined(),
  steps(0, 50),
  evaluation(49, { accuracy: 0.9, odd: NaN, far: -Infinity }),
  steps(50, 50),
  ended(100),
]
const running = complete.slice(0, -1)
const file = (dir: string) => join(dir, 'summary.json')

/** So that a test sees whether the file or the log was read. */
function forge(dir: string): void {
  writeFileSync(file(dir), readFileSync(file(dir), 'utf8').replaceAll('accuracy', 'forged__'))
}

function flipLastByte(path: string): void {
  const bytes = readFileSync(path)
  bytes[bytes.length - 1]! ^= 1
  writeFileSync(path, bytes)
  // The clock of a file system may be too coarse to tell two writes of a test apart.
  utimesSync(path, new Date(), new Date(Date.now() + 10_000))
}

const isForged = async (dir: string) => JSON.stringify(await readRunSummary(dir)).includes('forged__')

describe('the summary of a run that has ended', () => {
  test('is kept beside its log, with numbers that JSON does not have, and read from there', async () => {
    const dir = await writeRun(temporaryRoot(), complete)
    const first = await readRunSummary(dir)
    expect(first).toEqual((await readRunView(dir)).summary)
    expect(first.final).toMatchObject({ 'val.odd': NaN, 'val.far': -Infinity })
    expect(await readRunSummary(dir)).toEqual(first)
    forge(dir)
    expect(await isForged(dir)).toBe(true)
  })

  test.each<[title: string, change: (dir: string) => unknown]>([
    ['its log has grown', (dir) => appendFileSync(join(dir, 'steps.log'), 'x')],
    ['a byte of its log has changed', (dir) => flipLastByte(join(dir, 'steps.log'))],
    ['its samples have grown', (dir) => appendFileSync(join(dir, 'samples.log'), 'x')],
    ['there is something in its spool', (dir) => writeFileSync(join(dir, 'spool', 'a.steps.1.log'), '')],
    ['it is no JSON', (dir) => writeFileSync(file(dir), '{')],
    ['it is of something else', (dir) => writeFileSync(file(dir), '{"format":2}')],
  ])('is made anew from the log where %s', async (_title, change) => {
    const dir = await writeRun(temporaryRoot(), complete)
    await readRunSummary(dir)
    forge(dir)
    change(dir)
    expect(await isForged(dir)).toBe(false)
  })

  test('is that of the directory that it lies in, copied or renamed', async () => {
    const root = temporaryRoot()
    const dir = await writeRun(root, complete)
    await readRunSummary(dir)
    const [copied, renamed] = [join(root, 'copied'), join(root, 'renamed')]
    cpSync(dir, copied, { recursive: true })
    renameSync(dir, renamed)
    expect(await readRunSummary(copied)).toMatchObject({ dir: copied, run: 'copied' })
    expect(await readRunSummary(renamed)).toMatchObject({ dir: renamed, run: 'renamed' })
  })

  test('is not kept of a run without an end, one that a controller holds, or one that is damaged', async () => {
    const root = temporaryRoot()
    const lost = await writeRun(root, running, { run: 'lost' })
    expect(await readRunSummary(lost)).toMatchObject({ status: 'lost' })
    const held = await writeRun(root, complete, { run: 'held' })
    const lock = acquireLock(held)
    await readRunSummary(held)
    lock.release()
    const damaged = await writeRun(root, complete, { run: 'damaged' })
    appendFileSync(join(damaged, 'steps.log'), 'not a frame')
    expect(await readRunSummary(damaged)).toMatchObject({ status: 'completed' })
    expect([lost, held, damaged].map((dir) => existsSync(file(dir)))).toEqual([false, false, false])
  })

  test('is not kept where its samples are damaged', async () => {
    const dir = await writeRun(temporaryRoot(), complete)
    appendFileSync(join(dir, 'samples.log'), 'not a frame')
    expect((await readRunSummary(dir)).damage).toMatchObject([{ file: 'samples.log' }])
    expect(existsSync(file(dir))).toBe(false)
  })

  test('says which losses were NaN or infinite', async () => {
    const broken = {
      ...steps(50, 2),
      weighings: steps(50, 2).weighings.map((one) => ({ ...one, meanLoss: Float64Array.of(NaN, Infinity) })),
    }
    const dir = await writeRun(temporaryRoot(), [started(), joined(), steps(0, 50), broken, ended(52)])
    const first = await readRunSummary(dir)
    expect(first.nonFinite).toMatchObject([
      { name: 'train.loss', values: 2, stretches: 1, firstStep: 50, lastStep: 51, now: true },
    ])
    expect(first.final['train.loss']).toBe(Infinity)
    expect(existsSync(file(dir))).toBe(true)
    expect(await readRunSummary(dir)).toEqual(first)
  })
})
