/** A task with many predictions: its controller is killed right behind and amid an evaluation, and taken up again. */
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { readControllerFile } from '../../../src/log/run-directory.js'
import { readAll } from '../../../src/log/read-run.js'
import type { Body } from '../../../src/record/record.js'
import { processExists } from '../../../src/process/identity.js'
import { readRunView } from '../../../src/log/run-view.js'
import { cli, startCli, until } from '../../helpers/cli.js'
import { runsFolder, TINY } from '../helpers.js'

/** Predictions of so many samples are four records of up to 512 KiB each; their names are records as well. */
const SIZE = 200_000
const BATCH = 512
/** Samples of one record of predictions. */
const PIECE = 65_536
/** Steps between checkpoints. */
const PERIOD = 100

/** The body of every record of one type in the log alone, whatever the spool holds. */
async function logged<T extends Body['type']>(dir: string, type: T): Promise<Extract<Body, { type: T }>[]> {
  const streams = type.startsWith('sample') ? (['samples'] as const) : (['steps'] as const)
  const { records, damage } = await readAll(dir, { streams, spool: false })
  expect(damage).toEqual([])
  return records.flatMap(({ body }) => (body.type === type ? [body as Extract<Body, { type: T }>] : []))
}

/** A run that trains until it is stopped, in processes of its own. */
async function begin(runs: string): Promise<string> {
  const file = join(runs, 'experiment.ts')
  writeFileSync(
    file,
    `import { defineExperiment, every, steps } from 'absgd'
     import { z } from 'zod'
     export default defineExperiment({
       name: 'many',
       worker: { task: ${JSON.stringify(TINY)} },
       params: z.object({
         seed: z.number().default(0), pace: z.number().default(0.01), predict: z.boolean().default(true),
         size: z.number().default(${SIZE}), batchSize: z.number().default(${BATCH}),
       }),
       length: 1_000_000, evaluate: 'end', checkpoint: every(steps(${PERIOD})),
       controls: { lambda: -3 },
     })`,
  )
  const dir = join(runs, 'many')
  onTestFinished(() => {
    const { pid, workerPid } = readControllerFile(dir) ?? {}
    for (const one of [pid, workerPid])
      if (one !== undefined && processExists(one)) process.kill(one, 'SIGKILL')
  })
  await absgd(runs, 'run', file, '--name', 'many', '--threads', '1', '--detach')
  return dir
}

async function absgd(runs: string, ...args: readonly string[]): Promise<void> {
  const { code, stderr } = await cli([...args, '--runs', runs])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
}

function killController(dir: string): void {
  process.kill(readControllerFile(dir)!.pid, 'SIGKILL')
}

/** Waits for training that nobody controls, and for its next checkpoint. */
async function trainedAlone(dir: string): Promise<void> {
  const checkpoints = () => readdirSync(join(dir, 'checkpoints')).toSorted().at(-1)
  for (const before = checkpoints(); checkpoints() === before;) await sleep(20)
}

test('predictions, steps, samples and checkpoints are all in the log after kills of the controller', async () => {
  const runs = runsFolder()
  const dir = await begin(runs)
  await until(runs, 'many', ({ steps }) => steps > 20)
  await absgd(runs, 'evaluate', 'many')
  killController(dir)
  await trainedAlone(dir)
  await absgd(runs, 'resume', 'many', '--detach')

  // A controller that was just started refuses an evaluation until the worker has come back to it.
  while ((await logged(dir, 'worker-joined')).length < 2) await sleep(20)
  const asked = startCli(['evaluate', 'many', '--runs', runs])
  let ended = false
  void asked.outcome.finally(() => (ended = true))
  while (!ended && (await logged(dir, 'evaluation')).length < 2) await sleep(20)
  killController(dir)
  // Refused, or answered just before the kill.
  await asked.outcome
  await trainedAlone(dir)
  await absgd(runs, 'resume', 'many', '--detach')
  const { steps: there } = await until(runs, 'many', ({ checkpoints }) => checkpoints.length > 2)
  await until(runs, 'many', ({ steps }) => steps > there + PERIOD)
  await absgd(runs, 'stop', 'many')
  for (let pid = readControllerFile(dir)?.pid; pid !== undefined && processExists(pid);) await sleep(20)

  const { summary } = await readRunView(dir)
  expect(summary).toMatchObject({ status: 'stopped', attempt: 1, lostSteps: 0, duplicatedSteps: 0 })
  const all = Array.from({ length: summary.steps }, (_, step) => step)
  const batches = await logged(dir, 'step-batch')
  expect(
    batches.flatMap(({ firstStep, count }) => Array.from({ length: count }, (_, i) => firstStep + i)),
  ).toEqual(all)

  const samples = (await logged(dir, 'sample-batch')).flatMap(({ steps }) => steps)
  expect(samples.map(({ step }) => step)).toEqual(all)
  const perEpoch = Math.ceil(SIZE / BATCH)
  for (const { step, losses, indices } of samples) {
    const size = step % perEpoch === perEpoch - 1 ? SIZE - (perEpoch - 1) * BATCH : BATCH
    expect([step, losses.length, indices.length]).toEqual([step, size, size])
  }

  const saved = (await logged(dir, 'checkpoint-written')).map(({ position }) => position.step)
  const due = Array.from({ length: Math.floor(summary.steps / PERIOD) }, (_, i) => (i + 1) * PERIOD)
  expect(saved).toEqual(due.includes(summary.steps) ? due : [...due, summary.steps])

  const evaluated = (await logged(dir, 'evaluation')).map(({ step }) => step)
  expect(evaluated.length).toBeGreaterThanOrEqual(2)
  const predictions = await logged(dir, 'sample-predictions')
  const starts = Array.from({ length: Math.ceil(SIZE / PIECE) }, (_, i) => i * PIECE)
  for (const step of evaluated) {
    const pieces = predictions.filter((one) => one.step === step)
    expect(pieces.map(({ firstIndex }) => firstIndex)).toEqual(starts)
    expect(pieces.reduce((sum, { labels }) => sum + labels.length, 0)).toBe(SIZE)
  }
  const described = await logged(dir, 'sample-info')
  expect(described.reduce((sum, { ids }) => sum + ids.length, 0)).toBe(SIZE)

  // A worker whose records were refused would introduce itself once a second, to the end.
  expect(await logged(dir, 'worker-joined')).toHaveLength(3)
  expect(readdirSync(join(dir, 'spool'))).toEqual([])
})
