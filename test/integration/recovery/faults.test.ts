import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { readControllerFile } from '../../../src/log/run-directory.js'
import { readRunView } from '../../../src/log/run-view.js'
import { prepareRun } from '../../../src/run/prepare.js'
import { processExists } from '../../../src/process/identity.js'
import { startRun } from '../../../src/run/start.js'
import { cli } from '../../helpers/cli.js'
import { COLD_PYTHON } from '../../helpers/python.js'
import { bodiesOf, launchTiny, PYTHON, runsFolder, tiny, TINY } from '../helpers.js'

/** Polls, because another process changes the world. */
async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(50)
}

describe('kill -9 of the worker', () => {
  test('ends the run as failed within 2 s, names the last step, and leaves no process behind', async () => {
    const run = await launchTiny({ length: 1_000_000 }, { python: COLD_PYTHON })
    for await (const { step } of run.reports()) if (step > 100) break
    const worker = readControllerFile(run.dir)?.workerPid ?? -1
    process.kill(worker, 'SIGKILL')
    const late = Symbol('late')
    const outcome = await Promise.race([run.result, sleep(2000, late)])
    if (outcome === late) expect.unreachable('the run was not over 2 s after its worker was killed')
    const summary = await run.result
    expect(summary.status).toBe('failed')
    expect(summary.reason).toContain(`after ${summary.steps} steps`)
    expect(summary).toMatchObject({ lostSteps: 0, duplicatedSteps: 0 })
    expect(processExists(worker)).toBe(false)
  })
})

/** A run of its own controller process that is left to itself: its directory. */
async function orphan(runs: string, length: number): Promise<{ dir: string; workerPid: number }> {
  const file = join(runs, 'experiment.ts')
  writeFileSync(
    file,
    `import { defineExperiment, steps, every } from 'absgd'
     import { z } from 'zod'
     export default defineExperiment({
       name: 'tiny',
       worker: { task: ${JSON.stringify(TINY)} },
       params: z.object({ seed: z.number().default(0), pace: z.number().default(0.002) }),
       length: ${length}, evaluate: every(steps(250)), checkpoint: every(steps(500)),
       controls: { lambda: -3 },
     })`,
  )
  await absgd(runs, 'run', file, '--name', 'orphan', '--threads', '1', '--detach')
  const dir = join(runs, 'orphan')
  await until(async () => (await readRunView(dir)).summary.steps > 100)
  const { pid, workerPid = -1 } =
    readControllerFile(dir) ?? expect.unreachable('a live run has a controller file')
  process.kill(pid, 'SIGKILL')
  expect((await readRunView(dir)).summary.steps).toBeLessThan(length)
  return { dir, workerPid }
}

async function absgd(runs: string, ...args: string[]): Promise<void> {
  const { code, stderr } = await cli([...args, '--runs', runs, '--python', PYTHON])
  expect([code, stderr]).toEqual([0, ''])
}

describe('a controller that cannot go on', () => {
  test('leaves the way to its worker behind, which the next one joins', async () => {
    const prepared = await prepareRun({
      experiment: tiny({ length: 300 }),
      runs: runsFolder(),
      python: PYTHON,
      params: { pace: 0.01 },
    })
    const first = await startRun({
      ...prepared,
      threads: 1,
      through: (channel) => ({
        ...channel,
        async *incoming() {
          for await (const incoming of channel.incoming()) {
            yield incoming
            if (incoming.type === 'telemetry' && incoming.record.body.type === 'step-batch')
              throw new Error('no room on the disk')
          }
        },
      }),
    })
    await expect(first.ended).rejects.toThrow('no room on the disk')
    expect(readControllerFile(prepared.dir)).toMatchObject({ workerPid: first.workerPid })
    const second = await startRun({ ...prepared, threads: 1 })
    expect(second).toMatchObject({ origin: 're-attached', workerPid: first.workerPid })
    expect((await second.ended).status).toBe('completed')
    const { summary } = await readRunView(prepared.dir)
    expect(summary).toMatchObject({ steps: 300, attempt: 1, lostSteps: 0, duplicatedSteps: 0 })
    expect(readControllerFile(prepared.dir)).toBeUndefined()
  })
})

describe('kill -9 of the controller', () => {
  test('lets the worker train on, printing, to the end of its plan, with nothing lost; resume completes the run', async () => {
    const runs = runsFolder()
    const { dir, workerPid } = await orphan(runs, 1500)
    await until(() => readdirSync(join(dir, 'checkpoints')).some((file) => file.includes('000001500')))
    expect(readFileSync(join(dir, 'worker.log'), 'utf8')).toContain('after 1,500 steps')
    // Another thread than the one that saves checkpoints writes the last steps into the spool.
    await until(async () => (await readRunView(dir)).summary.steps === 1500)
    const alone = (await readRunView(dir)).summary
    expect(alone).toMatchObject({ status: 'lost', steps: 1500, lostSteps: 0, duplicatedSteps: 0, waits: 0 })

    await absgd(runs, 'resume', 'orphan', '--ui', 'none')
    const { summary } = await readRunView(dir)
    expect(summary).toMatchObject({ status: 'completed', steps: 1500, lostSteps: 0, duplicatedSteps: 0 })
    expect(processExists(workerPid)).toBe(false)
    const steps = (await bodiesOf(dir, 'step-batch')).flatMap(({ attempt, firstStep, count }) =>
      Array.from({ length: count }, (_, i) => [attempt, firstStep + i].join()),
    )
    expect(new Set(steps).size).toBe(steps.length)
    expect(existsSync(join(dir, 'controller.json'))).toBe(false)
  })

  test('and a worker that trained the last step and left: resume completes the run all the same', async () => {
    const runs = runsFolder()
    const { dir, workerPid } = await orphan(runs, 1000)
    await until(() => !processExists(workerPid))
    const { endpoints } = readControllerFile(dir) ?? expect.unreachable('a killed controller leaves its file')
    const sockets = dirname(endpoints.control.replace('ipc://', ''))
    expect(existsSync(sockets)).toBe(true)
    await absgd(runs, 'resume', 'orphan', '--ui', 'none')
    const { summary } = await readRunView(dir)
    expect(summary).toMatchObject({ status: 'completed', steps: 1000, lostSteps: 0, duplicatedSteps: 0 })
    expect(existsSync(sockets)).toBe(false)
  })
})
