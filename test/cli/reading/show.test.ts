import { mkdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { resumeCommand } from '../../../src/cli/commands/resume.js'
import { showCommand } from '../../../src/cli/commands/show.js'
import { AbsgdError } from '../../../src/errors.js'
import { acquireLock } from '../../../src/log/lock/run-lock.js'
import type { Body } from '../../../src/record/record.js'
import {
  checkpoint,
  ended,
  evaluation,
  joined,
  manifest,
  note,
  rewind,
  started,
  steps,
} from '../../helpers/records.js'
import { temporaryRoot, writeRun } from '../../helpers/runs.js'

async function show(root: string, run: string, ...flags: string[]): Promise<string[]> {
  const lines: string[] = []
  await showCommand((line) => lines.push(line)).parseAsync([run, '--runs', root, ...flags], { from: 'user' })
  return lines
}

const summaryOf = async (root: string, run: string) =>
  JSON.parse((await show(root, run, '--json')).join('\n')) as Record<string, unknown>

test('a pattern shows every run that matches, and as JSON an array', async () => {
  const root = temporaryRoot()
  await writeRun(root, complete, { run: 'exp-1', createdAt: '2025-01-01T00:00:00.000Z' })
  await writeRun(root, complete, { run: 'exp-2', createdAt: '2025-01-02T00:00:00.000Z' })
  const lines = await show(root, 'exp-*')
  expect(lines.filter((line) => line.startsWith('exp-'))).toEqual([
    'exp-1: digits, arm annealed',
    'exp-2: digits, arm annealed',
  ])
  expect(JSON.parse((await show(root, 'exp-*', '--json')).join(''))).toMatchObject([
    { run: 'exp-1' },
    { run: 'exp-2' },
  ])
})

test('a run in which nothing was weighed says so', async () => {
  const root = temporaryRoot()
  await writeRun(root, [started(), joined(), ended(0)])
  expect((await show(root, 'digits-1')).join('\n')).toContain('no loss was weighed: a step is')
  await writeRun(root, complete, { run: 'weighed' })
  expect((await show(root, 'weighed')).join('\n')).not.toContain('no loss was weighed')
})

test('the remedy for a log of a newer version is that version, not to resume', async () => {
  const root = temporaryRoot()
  const dir = await writeRun(root, complete)
  const log = readFileSync(join(dir, 'steps.log'))
  log.writeUInt16LE(2, 8)
  writeFileSync(join(dir, 'steps.log'), log)
  const text = (await show(root, 'digits-1')).join(' ').replaceAll(/ +/g, ' ')
  expect(text).toContain('npm install absgd@latest')
  expect(text).not.toContain('absgd resume')
  await expect(resumeCommand().parseAsync(['digits-1', '--runs', root], { from: 'user' })).rejects.toThrow(
    'a newer absgd wrote the run "digits-1"',
  )
})

const complete: Body[] = [
  started(),
  joined(),
  steps(0, 50),
  checkpoint(50),
  evaluation(49, { accuracy: 0.9 }),
  evaluation(49, { accuracy: 0.8 }, { split: 'test' }),
  note('look at this', 'warning'),
  steps(50, 50, { waits: 3 }),
  ended(100),
]

describe('show', () => {
  test('prints the summary of a run as one JSON object on one line', async () => {
    const root = temporaryRoot()
    const dir = await writeRun(root, complete)
    expect(await show(root, 'digits-1', '--json')).toHaveLength(1)
    expect(await summaryOf(root, 'digits-1')).toMatchObject({
      status: 'completed',
      run: 'digits-1',
      dir,
      attempt: 1,
      steps: 100,
      epochs: 10,
      workerRestarts: 0,
      lostSteps: 0,
      duplicatedSteps: 0,
      waits: 3,
      final: { 'train.loss': 2, 'val.accuracy': 0.9 },
      best: { value: 0.9, step: 49, split: 'val', metrics: { 'test.accuracy': 0.8 } },
      controls: { lambda: 'Infinity', lr: 0.05 },
      config: { arm: 'annealed', params: { seed: 1 } },
    })
  })

  test('names the processes of a run that a controller drives', async () => {
    const root = temporaryRoot()
    const lock = acquireLock(await writeRun(root, complete.slice(0, 3)))
    try {
      const running = {
        status: 'running',
        phase: 'training',
        pids: { controller: process.pid, worker: 4711 },
      }
      expect(await summaryOf(root, 'digits-1')).toMatchObject(running)
    } finally {
      lock.release()
    }
  })

  test('prints a page that a terminal of 80 columns shows whole', async () => {
    const root = temporaryRoot()
    await writeRun(root, complete)
    const lines = await show(root, 'digits-1')
    expect(lines[0]).toBe('digits-1: digits, arm annealed')
    expect(lines).toContain('completed after 100 steps (10 epochs), 8.0 s')
    expect(lines).toContain('  best        val.accuracy 0.9 after 50 steps  test.accuracy 0.8')
    expect(lines).toContain('  controls    lambda off  lr 0.05')
    expect(lines).toContain('  warning     look at this')
    const long = lines.filter((line) => [...line].length > 80)
    expect(long).toEqual([])
  })

  test('tells the visible history of a run that was taken up again', async () => {
    const root = temporaryRoot()
    const again = joined({ incarnation: 'a000000000000002' }, 2)
    const resumed = [rewind(2, 50), again, steps(50, 10, { attempt: 2 })]
    await writeRun(root, [...complete.slice(0, 7), ended(50, { status: 'stopped' }), started(), ...resumed])
    expect(await summaryOf(root, 'digits-1')).toMatchObject({
      status: 'lost',
      attempt: 2,
      steps: 60,
      workerRestarts: 1,
      lostSteps: 0,
      duplicatedSteps: 0,
    })
  })

  test('shows what is before the damage of a log, and where that is', async () => {
    const root = temporaryRoot()
    const log = join(await writeRun(root, complete), 'steps.log')
    const bytes = readFileSync(log)
    const at = bytes.length - 10
    bytes[at] = bytes[at]! ^ 0xff
    writeFileSync(log, bytes)
    const summary = await summaryOf(root, 'digits-1')
    expect(summary).toMatchObject({
      status: 'lost',
      steps: 100,
      damage: [{ file: 'steps.log', reason: 'crc' }],
    })
    expect((await show(root, 'digits-1')).join('\n')).toMatch(/damaged +steps\.log, byte [\d,]+: /)
  })

  test('shows as much as is left, wherever a log is cut', async () => {
    const root = temporaryRoot()
    const log = join(await writeRun(root, complete), 'steps.log')
    for (let size = statSync(log).size - 1; size >= 0; size -= 211) {
      truncateSync(log, size)
      const { steps: done } = await summaryOf(root, 'digits-1')
      expect([0, 50, 100]).toContain(done)
    }
  })

  test('says which file the file system refuses', async () => {
    const root = temporaryRoot()
    const log = join(await writeRun(root, complete), 'steps.log')
    rmSync(log)
    mkdirSync(log)
    await expect(show(root, 'digits-1')).rejects.toThrow(/^cannot read the run in .*digits-1: EISDIR/)
  })

  test('shows a run that has no log yet', async () => {
    const root = temporaryRoot()
    const dir = await writeRun(root, [])
    rmSync(join(dir, 'steps.log'))
    expect(await summaryOf(root, 'digits-1')).toMatchObject({
      status: 'lost',
      steps: 0,
      final: {},
      best: null,
    })
  })

  test('takes the directory of a run for its name', async () => {
    const root = temporaryRoot()
    const dir = await writeRun(root, complete)
    expect(await summaryOf(temporaryRoot(), dir)).toMatchObject({ run: 'digits-1' })
  })

  test('prints nothing that a terminal obeys, whatever a run is called and says', async () => {
    const root = temporaryRoot()
    const evil = '\u001b[2J\u009b31m\u202eevil'
    const { config } = manifest()
    await writeRun(
      root,
      [...complete.slice(0, 7), note(evil, 'warning'), ended(50, { reason: evil, detail: evil })],
      {
        params: { [evil]: evil },
        config: { ...config, controls: { [evil]: evil } },
      },
    )
    for (const line of [...(await show(root, 'digits-1')), ...(await show(root, 'digits-1', '--json'))])
      expect(line).not.toMatch(/[\p{Cc}\u202e]/u)
  })

  test('refuses a name that no run has', async () => {
    const root = temporaryRoot()
    await writeRun(root, complete)
    await expect(show(root, 'digits-2')).rejects.toThrow(AbsgdError)
  })

  test('has a help that fits into 80 columns', () => {
    for (const line of showCommand().configureHelp({ helpWidth: 80 }).helpInformation().split('\n'))
      expect(line.length).toBeLessThanOrEqual(80)
  })
})
