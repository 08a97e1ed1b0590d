import { mkdirSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { lsCommand } from '../../../src/cli/commands/ls.js'
import { writeControllerFile } from '../../../src/log/run-directory.js'
import { acquireLock } from '../../../src/log/lock/run-lock.js'
import { identityOf } from '../../../src/process/identity.js'
import type { Body } from '../../../src/record/record.js'
import { ended, evaluation, joined, manifest, started, steps, weighing } from '../../helpers/records.js'
import { temporaryRoot, writeRun } from '../../helpers/runs.js'

async function ls(root: string, ...flags: string[]): Promise<string[]> {
  const lines: string[] = []
  await lsCommand((line) => lines.push(line)).parseAsync(['--runs', root, ...flags], { from: 'user' })
  return lines
}

const complete: Body[] = [
  started(),
  joined(),
  steps(0, 50),
  evaluation(49, { accuracy: 0.9 }),
  steps(50, 50),
  ended(100),
]

describe('ls', () => {
  test('says what to do where there is no run yet', async () => {
    const [line, ...more] = await ls(temporaryRoot())
    expect(line).toMatch(/^no runs in .*: "absgd run experiment\.ts" trains one$/)
    expect(more).toEqual([])
    expect(await ls(join(temporaryRoot(), 'nowhere'), '--json')).toEqual(['[]'])
  })

  test('has a line for each run with its status, steps and best metric, the newest first', async () => {
    const root = temporaryRoot()
    const createdAt = (day: number) => `2025-01-0${day}T00:00:00.000Z`
    await writeRun(root, complete, { run: 'first-1', createdAt: createdAt(1) })
    await writeRun(root, [started(), joined(), steps(0, 50)], { run: 'second-1', createdAt: createdAt(2) })
    const lines = await ls(root)
    expect(lines).toHaveLength(3)
    expect(lines[0]).toMatch(/^RUN +EXPERIMENT +STATUS +STEPS +AGE +BEST OR LAST$/)
    expect(lines[1]).toMatch(/^second-1 +digits\/annealed +lost +50\/100 +\d+ d +2 train\.loss$/)
    expect(lines[2]).toMatch(/^first-1 +digits\/annealed +completed +100\/100 +\d+ d +0\.9 val\.accuracy$/)
  })

  test('has names and figures whole in 80 columns, and cuts what is around them', async () => {
    const root = temporaryRoot()
    const run = 'noisy-digits-annealed-seed10'
    const config = { ...manifest().config, simulated: true as const }
    await writeRun(root, complete, { run, experiment: 'noisy-digits', config })
    const lines = await ls(root)
    expect(lines.filter((line) => [...line].length > 80)).toEqual([])
    expect(lines[1]).toMatch(new RegExp(`^${run} {2}simulated.*… .* 0\\.9 val`))
  })

  test('shows losses and metrics that are NaN or infinite as such, and which of them are now', async () => {
    const root = temporaryRoot()
    const weighings = [weighing(2, { meanLoss: Float64Array.of(1, NaN) })]
    const bodies: Body[] = [
      started(),
      joined(),
      steps(0, 2, { weighings }),
      evaluation(1, { accuracy: Infinity }),
    ]
    await writeRun(root, [...bodies, ended(2)], { run: 'broken-1' })
    const better = [...complete.slice(0, 3), evaluation(9, { accuracy: NaN }), ...complete.slice(3)]
    await writeRun(root, better, { run: 'mended-1', createdAt: '2024-01-01T00:00:00.000Z' })
    const [, broken, mended, ...notes] = await ls(root)
    expect(broken).toMatch(/^broken-1 .* completed \* +2\/100 .* inf val\.accuracy$/)
    expect(mended).toMatch(/^mended-1 .* completed +100\/100 .* 0\.9 val\.accuracy$/)
    expect(notes.join(' ').replaceAll(/\s+/g, ' ')).toBe(
      '* broken-1: NaN or infinite: train.loss: 1 value, step 1, the latest one included; and 1 more',
    )
  })

  test('shows a run as running while a controller holds its lock', async () => {
    const root = temporaryRoot()
    const lock = acquireLock(await writeRun(root, [started(), joined(), steps(0, 50)]))
    try {
      expect((await ls(root))[1]).toContain('running')
    } finally {
      lock.release()
    }
  })

  test('marks a run whose log is cut off, shows what is before that, and says where it is', async () => {
    const root = temporaryRoot()
    const log = join(await writeRun(root, complete), 'steps.log')
    truncateSync(log, statSync(log).size - 3)
    const lines = await ls(root)
    expect(lines[1]).toMatch(/lost \* +100\/100 .*0\.9 val\.accuracy$/)
    expect(lines[2]).toMatch(/^\* digits-1: steps\.log, byte [\d,]+: the last frame is incomplete/)
  })

  test('says which folders are no runs, instead of leaving them out without a word', async () => {
    const root = temporaryRoot()
    expect((await ls(root)).slice(1)).toEqual([])
    for (let i = 1; i <= 7; i++) mkdirSync(join(root, `empty-${i}`))
    mkdirSync(join(root, '.hidden'))
    writeFileSync(join(root, 'a file'), '')
    const copy = join(root, 'digits-1 (copy)')
    mkdirSync(copy)
    writeFileSync(join(copy, 'manifest.json'), '{}')
    await writeRun(root, complete)
    const text = (await ls(root)).slice(2).join(' ').replaceAll(/\s+/g, ' ')
    expect(text).toBe(
      'empty-1, empty-2, empty-3, empty-4, empty-5 and 2 more: no run (neither manifest.json nor steps.log is there) ' +
        'digits-1 (copy): not listed, as a run cannot have this name: rename it to letters, digits, . _ -',
    )
    expect(JSON.parse((await ls(root, '--json'))[0]!)).toHaveLength(1)
  })

  test('lists runs whose names have capitals', async () => {
    const root = temporaryRoot()
    await writeRun(root, complete, { run: 'ResNet50' })
    expect((await ls(root))[1]).toMatch(/^ResNet50 /)
  })

  test('says of a run whose controller is gone that its worker trains on', async () => {
    const root = temporaryRoot()
    const dir = await writeRun(root, [started(), joined(), steps(0, 50)])
    const file = { pid: 1, bootId: identityOf(process.pid).bootId, startedAt: new Date().toISOString() }
    const worker = { workerPid: process.pid, workerStart: identityOf(process.pid).processStart }
    writeControllerFile(dir, { ...file, ...worker, endpoints: { control: 'ipc://x', telemetry: 'ipc://y' } })
    expect((await ls(root))[1]).toContain('lost (worker trains on)')
    expect(JSON.parse((await ls(root, '--json'))[0]!)).toMatchObject([
      { status: 'lost', pids: { controller: null, worker: process.pid } },
    ])
  })

  test('marks a run whose samples are damaged', async () => {
    const root = temporaryRoot()
    writeFileSync(
      join(await writeRun(root, complete), 'samples.log'),
      'this is no log at all, not even nearly',
    )
    const lines = await ls(root)
    expect(lines[1]).toContain('completed *')
    expect(lines[2]).toMatch(/^\* digits-1: samples\.log/)
  })

  test('lists a run whose manifest is damaged from what its log says', async () => {
    const root = temporaryRoot()
    writeFileSync(join(await writeRun(root, complete), 'manifest.json'), '{"format": 1, "ru')
    const lines = await ls(root)
    expect(lines[1]).toMatch(/^digits-1 +digits\/annealed +completed \*/)
    expect(lines.slice(2).join(' ')).toContain('manifest.json')
  })

  test('lists a directory that says nothing as unreadable, beside the others', async () => {
    const root = temporaryRoot()
    await writeRun(root, complete)
    const broken = join(root, 'broken-1')
    mkdirSync(broken)
    writeFileSync(join(broken, 'manifest.json'), '\u0000\u001b[31m')
    const lines = await ls(root)
    expect(lines.find((line) => line.startsWith('broken-1'))).toMatch(/^broken-1 +unreadable \*$/)
    expect(lines.find((line) => line.startsWith('digits-1'))).toContain('completed')
    expect(lines.find((line) => line.startsWith('* broken-1: '))).toContain('manifest')
    expect(lines.join('')).not.toMatch(/\p{Cc}/u)
  })

  test('prints summaries as JSON, with the reason where there is none', async () => {
    const root = temporaryRoot()
    await writeRun(root, complete)
    mkdirSync(join(root, 'broken-1'))
    writeFileSync(join(root, 'broken-1', 'manifest.json'), '')
    const entries = JSON.parse((await ls(root, '--json')).join('\n')) as { run: string }[]
    expect(entries.find(({ run }) => run === 'digits-1')).toMatchObject({ status: 'completed', steps: 100 })
    expect(entries.find(({ run }) => run === 'broken-1')).toMatchObject({ status: 'unreadable' })
  })

  test('fits into 80 columns with names of any length', async () => {
    const root = temporaryRoot()
    await writeRun(root, complete, { run: `a-long-name-${'x'.repeat(50)}`, experiment: 'y'.repeat(60) })
    for (const line of await ls(root)) expect([...line].length).toBeLessThanOrEqual(80)
  })

  test('has a help that fits into 80 columns', () => {
    for (const line of lsCommand().configureHelp({ helpWidth: 80 }).helpInformation().split('\n'))
      expect(line.length).toBeLessThanOrEqual(80)
  })
})
