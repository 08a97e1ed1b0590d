import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, expect, it } from 'vitest'
import { createRunDirectory } from '../../src/log/run-directory.js'
import { processExists } from '../../src/process/identity.js'
import {
  cli,
  cliProcess,
  jsonLines,
  makeFolder,
  namesIn,
  runArgs,
  startCli,
  summaryOf,
  temporaryFolder,
  until,
} from '../helpers/cli.js'
import { COLD_PYTHON } from '../helpers/python.js'
import { controllerRecord, manifestOf, writeLog } from '../log/fixtures.js'

const LIMIT_MS = 120_000
const runs = makeFolder()

afterAll(async () => {
  // A test that broke off leaves a run behind that would train for hours.
  for (const run of namesIn(runs)) {
    const { controller, worker } = (await summaryOf(runs, run))?.pids ?? {}
    for (const pid of [controller, worker]) if (typeof pid === 'number') process.kill(pid, 'SIGKILL')
  }
  rmSync(runs, { recursive: true, force: true })
})

describe('absgd run', () => {
  it(
    'prints one JSON object a line, and how the run ended as the last, after a cold start',
    async () => {
      const args = ['--ui', 'json', '--arm', 'gentle', '--param', 'length=45', '--name', 'whole']
      const env = { ABSGD_PYTHON: COLD_PYTHON }
      const { code, stdout, stderr } = await cliProcess(runArgs('tiny.ts', runs, ...args), { env })
      expect(stderr).toBe('')
      expect(code).toBe(0)
      const lines = jsonLines(stdout)
      expect(lines[0]).toMatchObject({ type: 'start', manifest: { run: 'whole', arm: 'gentle' } })
      const reported = lines.filter(({ type }) => type === 'report').map(({ step }) => step)
      expect(reported.at(-1)).toBe(44)
      expect(lines.filter(({ type }) => type === 'evaluation').map(({ step }) => step)).toEqual([19, 39, 44])
      expect(lines.filter(({ type }) => type === 'checkpoint').map(({ step }) => step)).toEqual([20, 40, 45])

      const end = lines.at(-1)!
      expect(end).toMatchObject({
        type: 'end',
        status: 'completed',
        run: 'whole',
        dir: join(runs, 'whole'),
        attempt: 1,
        steps: 45,
        // 50 samples in batches of 8.
        epochs: expect.closeTo(45 / 7) as number,
        workerRestarts: 0,
        lostSteps: 0,
        duplicatedSteps: 0,
        waits: 0,
        best: { metric: 'val.accuracy', split: 'val' },
        controls: { lambda: -5, gamma: 0.9, lr: 0.1 },
        config: { experiment: 'tiny', arm: 'gentle', params: { size: 50, length: 45, pace: 0 } },
      })
      expect(Object.keys(end['final'] as object)).toEqual(
        expect.arrayContaining(['train.loss', 'val.accuracy', 'val.worst_class_accuracy', 'noise_auc']),
      )
      expect(lines.filter(({ type }) => type === 'end')).toHaveLength(1)
      const { type: _, ...summary } = end
      expect(await summaryOf(runs, 'whole')).toEqual(summary)
    },
    LIMIT_MS,
  )

  it(
    'checkpoints at Ctrl-C and is resumed from there',
    async () => {
      const args = ['--ui', 'json', '--name', 'broken-off', '--param', 'pace=0.01', '--param', 'length=300']
      const { child, outcome } = startCli(runArgs('tiny.ts', runs, ...args))
      for await (const line of createInterface(child.stdout!)) {
        if ((JSON.parse(line) as { type: string }).type !== 'report') continue
        child.kill('SIGINT')
        break
      }
      const interrupted = await outcome
      expect(interrupted.code).toBe(130)
      expect(interrupted.stderr).toContain('checkpointing and stopping')
      const before = (await summaryOf(runs, 'broken-off'))!
      expect(before.status).toBe('interrupted')
      expect(before.steps).toBeGreaterThan(0)
      expect(before.steps).toBeLessThan(300)
      expect(before.checkpoints.at(-1)?.step).toBe(before.steps)

      const resumed = await cli(['resume', 'broken-off', '--runs', runs, '--ui', 'plain', '--threads', '1'])
      expect(resumed.stderr).toMatch(
        /^absgd: waiting for Python to import torch, and to build [\w.]+:build\n$/,
      )
      expect(resumed.code).toBe(0)
      expect(resumed.stdout).toContain(`attempt 2 goes on after ${before.steps} steps`)
      expect(resumed.stdout).toContain('completed after 300 steps')
      expect(await summaryOf(runs, 'broken-off')).toMatchObject({
        status: 'completed',
        attempt: 2,
        steps: 300,
        workerRestarts: 1,
        lostSteps: 0,
        duplicatedSteps: 0,
      })

      const again = await cli(['resume', 'broken-off', '--runs', runs])
      expect(again.code).toBe(2)
      expect(again.stderr).toContain('is completed')
    },
    LIMIT_MS,
  )

  it(
    'is for the run when Ctrl-C comes while it is still starting',
    async () => {
      const { child, outcome } = startCli(
        runArgs('tiny.ts', runs, '--name', 'early', '--param', 'length=100000'),
      )
      while (!namesIn(join(runs, 'early')).includes('controller.log')) await sleep(2)
      child.kill('SIGINT')
      expect((await outcome).code).toBe(130)
      expect(await summaryOf(runs, 'early')).toMatchObject({ status: 'interrupted' })
    },
    LIMIT_MS,
  )

  it(
    'says why a run cannot be resumed, and does not show how it ended before',
    async () => {
      const folder = temporaryFolder()
      const experimentFile = join(folder, 'edited.ts')
      writeFileSync(experimentFile, 'export default {}')
      const dir = createRunDirectory(folder, 'edited', { ...manifestOf('edited'), experimentFile })
      const position = { attempt: 1, step: 0 }
      const body = { type: 'run-ended', status: 'failed', reason: 'no luck', detail: '', position } as const
      await writeLog(dir, [controllerRecord(1, body)])
      const { code, stdout, stderr } = await cli(['resume', 'edited', '--runs', folder])
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
      expect(stderr).toContain('edited.ts is no experiment')
      expect(namesIn(folder)).toEqual(['edited', 'edited.ts'])
    },
    LIMIT_MS,
  )

  it(
    'leaves a detached run to be steered by other processes',
    async () => {
      const args = ['--detach', '--name', 'away', '--param', 'pace=0.01', '--param', 'length=1000000']
      expect(await cli(runArgs('tiny.ts', runs, ...args))).toEqual({ code: 0, stdout: 'away\n', stderr: '' })
      const running = await until(runs, 'away', ({ steps, phase }) => steps > 0 && phase === 'training')
      const { controller, worker } = running.pids!
      expect([controller, worker].map((pid) => processExists(pid!))).toEqual([true, true])

      const { step: paused } = await ask('pause', '--why', 'to look at it')
      const standing = await until(runs, 'away', ({ phase }) => phase === 'paused')
      expect(standing.steps).toBe(paused)

      await ask('step', '-n', '3')
      await until(runs, 'away', ({ steps, phase }) => steps === paused + 3 && phase === 'paused')
      expect(await ask('checkpoint')).toMatchObject({ action: 'checkpoint', step: paused + 3 })
      const kept = await until(runs, 'away', ({ checkpoints }) => checkpoints.at(-1)?.step === paused + 3)
      expect(namesIn(join(runs, 'away', 'checkpoints'))).toContain(
        kept.checkpoints.at(-1)!.path.split('/')[1],
      )

      await ask('step', '-n', '2')
      await until(runs, 'away', ({ steps, phase }) => steps === paused + 5 && phase === 'paused')
      await ask('restore', '--to', String(paused + 3))
      const restored = await until(runs, 'away', ({ attempt }) => attempt === 2)
      expect(restored).toMatchObject({ steps: paused + 3, phase: 'paused', lostSteps: 0, duplicatedSteps: 0 })

      const refused = await cli(['restore', 'away', '--runs', runs, '--to', '999999'])
      expect(refused.code).toBe(1)
      expect(refused.stderr).toContain('999999')

      const resumed = await cli(['resume', 'away', '--runs', runs])
      expect(resumed).toMatchObject({ code: 0, stderr: '' })
      expect(resumed.stdout).toContain('training goes on')
      await until(runs, 'away', ({ steps }) => steps > paused + 5)

      const { step: stopped } = await ask('stop')
      const ended = await until(runs, 'away', ({ status }) => status === 'stopped')
      expect(ended).toMatchObject({ steps: stopped, attempt: 2 })
      expect(ended.pids).toBeUndefined()
      expect(ended.checkpoints.at(-1)?.step).toBe(stopped)

      const late = await cli(['pause', 'away', '--runs', runs])
      expect(late.code).toBe(1)
      expect(late.stderr).toContain('no controller drives the run "away"')
      expect(late.stderr).toContain('absgd resume away')
    },
    LIMIT_MS,
  )
})

async function ask(command: string, ...args: readonly string[]): Promise<{ action: string; step: number }> {
  const { code, stdout, stderr } = await cli([command, 'away', '--runs', runs, '--json', ...args])
  expect(stderr).toBe('')
  expect(code).toBe(0)
  return JSON.parse(stdout) as { action: string; step: number }
}
