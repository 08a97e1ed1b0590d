import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { resolveExperiment } from '../../src/experiment/resolve-experiment.js'
import { forkRun } from '../../src/run/fork.js'
import { defineExperiment, launch, linear, targetEss, times, type Run } from '../../src/index.js'
import { readRun } from '../../src/log/read-run.js'
import { parseEdit } from '../../src/experiment/controls/parse-edit.js'
import { addToLedger, emptyLedger } from '../../src/history/ledger-lines.js'
import { createStepHistory, firstDifference } from '../../src/history/series/step-history.js'
import { differingEvaluation, replayRun } from '../../src/run/replay.js'
import { startRun } from '../../src/run/start.js'
import { bodiesOf, recordsOf, runsFolder } from './helpers.js'

/** λ follows the losses, with windows that reach back over a checkpoint. */
const experiment = defineExperiment({
  name: 'followed',
  worker: { task: 'no_such_module:build' },
  params: z.object({ seed: z.number().default(0) }),
  length: 400,
  checkpoint: { every: { epochs: 0, steps: 100 } },
  keepCheckpoints: 0,
  controls: {
    lambda: targetEss({
      ...{ ratio: 0.7, sign: -1, min: 0.1, max: 20, after: 40 },
      ...{ lag: 24, window: 24, every: 8, maxChange: 1.5 },
    }),
    gamma: 0.9,
    lr: linear({ init: 0.2, end: 0.02, over: 400 }),
  },
})
const resolved = resolveExperiment(experiment)

async function trained(): Promise<Run> {
  const run = await launch(experiment, { runs: runsFolder(), name: 'parent', simulate: true })
  expect((await run.result).status).toBe('completed')
  return run
}

async function forked(parent: string, name: string, edits: readonly string[], at = 200): Promise<string> {
  const fork = await forkRun(parent, { resolved, name, at, edits: edits.map(parseEdit), why: name })
  const { ended } = await startRun({ dir: fork.dir, manifest: fork.manifest, resolved })
  expect((await ended).status).toBe('completed')
  return fork.dir
}

async function historyOf(dir: string) {
  const history = createStepHistory()
  for await (const record of readRun(dir, { streams: ['steps'] })) history.add(record)
  return history
}

async function ledgerOf(dir: string) {
  return (await recordsOf(dir)).reduce(addToLedger, emptyLedger()).lines
}

const decided = async (dir: string) => {
  const all = await bodiesOf(dir, 'decided')
  return all
    .filter(({ position }) => position.step >= 240)
    .map(({ position, value }) => [position.step, value] as const)
}

describe('a fork under a feedback schedule', () => {
  test('that changes nothing is its parent, bit for bit; one that does decides from its own reports', async () => {
    const parent = await trained()
    const same = await historyOf(await forked(parent.dir, 'same', []))
    const was = await historyOf(parent.dir)
    expect([same.begin, same.to]).toEqual([200, 400])
    for (const values of was.columns.values()) values.fill(NaN, 0, 200)
    expect(firstDifference(was, same)).toBeUndefined()

    const changed = await forked(parent.dir, 'changed', ['lr*=0.25'])
    expect(await decided(changed)).not.toEqual(await decided(parent.dir))
    const replay = await replayRun(changed, { resolved, name: 'changed-replay' })
    expect(replay).toMatchObject({ steps: 400, replayed: 400 })
    for (const found of ['difference', 'evaluation', 'planning']) expect(replay).not.toHaveProperty(found)
  })

  test('of a fork knows who edited that and why, and replays with the factor in it once', async () => {
    const { dir } = await trained()
    const first = await forked(dir, 'first', ['lr*=0.5'])
    const second = await forked(first, 'second', ['gamma=0.8'], 300)
    expect((await ledgerOf(second)).filter(({ kind }) => kind === 'edit')).toMatchObject([
      { control: 'lr', asked: 200, step: 200, why: 'first', state: 'applied' },
      { control: 'gamma', asked: 300, step: 300, why: 'second', state: 'applied' },
    ])
    // Its own copy of the checkpoint does where its parent no longer has it.
    for (const file of readdirSync(join(first, 'checkpoints'))) rmSync(join(first, 'checkpoints', file))
    const replay = await replayRun(second, { resolved, name: 'second-replay' })
    expect(replay).toMatchObject({ steps: 400, replayed: 400 })
    for (const found of ['difference', 'evaluation', 'planning']) expect(replay).not.toHaveProperty(found)
  })

  test('trains to its end when its parent is gone', async () => {
    const { dir } = await trained()
    const fork = await forkRun(dir, { resolved, name: 'orphan', at: 200, edits: [], why: '' })
    rmSync(dir, { recursive: true })
    const { ended } = await startRun({ dir: fork.dir, manifest: fork.manifest, resolved })
    expect((await ended).status).toBe('completed')
    expect((await historyOf(fork.dir)).to).toBe(400)
  })

  test('is refused an edit for another step, and leaves nothing behind', async () => {
    const { dir } = await trained()
    await expect(
      forkRun(dir, { resolved, name: 'late', at: 200, edits: [parseEdit('lr=0.1@300')], why: '' }),
    ).rejects.toThrow(/lr is for another step/)
    await expect(
      forkRun(dir, { resolved, name: 'late', at: 200, edits: [parseEdit('gamma=2')], why: '' }),
    ).rejects.toThrow(/gamma would become 2/)
    expect(existsSync(join(dir, '..', 'late'))).toBe(false)
  })
})

test('an evaluation that a replay did not make differs, as far as it came', () => {
  const was = new Map([
    [9, { 'val.accuracy': 0.5 }],
    [19, { 'val.accuracy': 0.75 }],
  ])
  expect(differingEvaluation(was, was, 20)).toBeUndefined()
  expect(differingEvaluation(was, new Map([[9, { 'val.accuracy': 0.5 }]]), 20)).toMatchObject({
    step: 19,
    is: NaN,
  })
  expect(differingEvaluation(was, new Map([[9, { 'val.accuracy': 0.5 }]]), 15)).toBeUndefined()
})

test('what an async onReport decides is in the ledger, and a replay finds no bit that differs', async () => {
  const policed = defineExperiment({
    ...{ name: 'policed', worker: { task: 'no_such_module:build' }, length: 300 },
    controls: { lambda: 2, gamma: 0.9, lr: 0.1 },
    onReport: async (report, run) => {
      if (report.step !== 20) return
      await run.pause()
      await run.set({ lambda: times(0.5), gamma: 0.8 }, { why: 'half is enough' })
      await run.resume()
    },
  })
  const run = await launch(policed, { runs: runsFolder(), name: 'policed', simulate: true })
  expect(await run.result).toMatchObject({ status: 'completed', controls: { lambda: 1, gamma: 0.8 } })
  expect(await ledgerOf(run.dir)).toMatchObject([
    { by: 'script', why: 'half is enough' },
    { by: 'script', why: 'half is enough' },
  ])
  const replay = await replayRun(run.dir, { resolved: resolveExperiment(policed), name: 'again' })
  expect(replay).toMatchObject({ steps: 300, replayed: 300 })
  for (const found of ['difference', 'evaluation', 'planning']) expect(replay).not.toHaveProperty(found)
})
