import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { readRunView } from '../../src/log/run-view.js'
import { cliProcess, namesIn, runArgs, startCli, temporaryFolder, until } from '../helpers/cli.js'
import { COLD_PYTHON } from '../helpers/python.js'

const ONE_FORK = 'is a fork of one that had imported torch'
const LOOK_MS = 20

describe.skipIf(process.platform !== 'linux')('runs of a set', () => {
  test('they are forked from one process that has imported torch, and train like a fresh Python to the last bit', async () => {
    const runs = temporaryFolder()
    const args = ['--seeds', '2', '--param', 'length=40']
    expect(await cliProcess(runArgs('tiny.ts', runs, ...args))).toMatchObject({ code: 0, stderr: '' })
    for (const run of ['tiny-seed0', 'tiny-seed1']) expect(workerLog(runs, run)).toContain(ONE_FORK)
    const alone = ['--param', 'seed=1', '--param', 'length=40', '--name', 'alone', '--python', COLD_PYTHON]
    expect(await cliProcess(runArgs('tiny.ts', runs, ...alone))).toMatchObject({ code: 0 })
    expect(workerLog(runs, 'alone')).not.toContain(ONE_FORK)
    expect(await lastFingerprint(runs, 'alone')).toBeGreaterThan(0)
    expect(await lastFingerprint(runs, 'alone')).toBe(await lastFingerprint(runs, 'tiny-seed1'))
    expect(await lastFingerprint(runs, 'alone')).not.toBe(await lastFingerprint(runs, 'tiny-seed0'))
  })

  test('ABSGD_FORK=off starts Python for each of them', async () => {
    const runs = temporaryFolder()
    const args = ['--seeds', '2', '--param', 'length=8']
    const ended = await cliProcess(runArgs('tiny.ts', runs, ...args), { env: { ABSGD_FORK: 'off' } })
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    for (const run of ['tiny-seed0', 'tiny-seed1']) expect(workerLog(runs, run)).not.toContain(ONE_FORK)
  })

  test('the process with torch ends with the command, also if that is killed, and its run goes on', async () => {
    const [runs, temporary] = [temporaryFolder(), temporaryFolder()]
    const args = ['--seeds', '2', '--param', 'length=100', '--param', 'pace=0.01']
    const started = startCli(runArgs('tiny.ts', runs, ...args), { env: { TMPDIR: temporary } })
    const run = 'tiny-seed0'
    while (!existsSync(join(runs, run, 'steps.log'))) await sleep(LOOK_MS)
    await until(runs, run, ({ steps }) => steps > 0)
    const servers = () => namesIn(temporary).filter((name) => name.startsWith('absgd-fork-'))
    expect(servers()).toHaveLength(1)
    started.child.kill('SIGKILL')
    await started.outcome
    while (servers().length > 0) await sleep(LOOK_MS)
    await until(runs, run, ({ status }) => status === 'completed')
    expect(namesIn(runs)).toEqual([run])
  })
})

function workerLog(runs: string, run: string): string {
  return readFileSync(join(runs, run, 'worker.log'), 'utf8')
}

async function lastFingerprint(runs: string, run: string): Promise<number | undefined> {
  const { summary } = await readRunView(join(runs, run))
  return summary.final['val.fingerprint']
}
