/** Checkpoints that are damaged, missing, unreadable or not in the log, met by whoever returns to one. */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { resolveExperiment } from '../../../src/experiment/resolve-experiment.js'
import { forkRun } from '../../../src/run/fork.js'
import { every, exponential, join as inTurn, launch, off, steps, type Run } from '../../../src/index.js'
import { readManifest, runPaths } from '../../../src/log/run-directory.js'
import { encodeHeader } from '../../../src/log/files/frame.js'
import { unrecordedCheckpoints } from '../../../src/log/checkpoints/whole-checkpoint.js'
import { openLogWriter } from '../../../src/log/files/log-writer.js'
import { readRunView } from '../../../src/log/run-view.js'
import type { LogRecord } from '../../../src/record/record.js'
import { startRun } from '../../../src/run/start.js'
import { VERSION } from '../../../src/version.js'
import { encodeRecord } from '../../../src/wire/codec.js'
import { bodiesOf, launchTiny, recordsOf, runsFolder, tiny } from '../helpers.js'

const spec = {
  length: 80,
  evaluate: every(steps(20)),
  checkpoint: every(steps(20)),
  keepCheckpoints: 0,
  controls: { lambda: inTurn(off().for(10), exponential({ init: -5, end: -0.5, over: 60 })), gamma: 0.5 },
} as const

const options = { simulate: true, handleSignals: false } as const
const fileOf = (dir: string, step: number, attempt = 1) =>
  join(dir, 'checkpoints', `step-${String(step).padStart(9, '0')}.${attempt}.json`)

type Harm = 'missing' | 'changed' | 'cut' | 'unreadable'
function harm(file: string, how: Harm): void {
  const bytes = readFileSync(file)
  rmSync(file)
  if (how === 'changed')
    writeFileSync(file, Buffer.from(bytes.toString().replace(/"consumed": \d/, '"consumed": 9')))
  if (how === 'cut') writeFileSync(file, bytes.subarray(0, bytes.length - 9))
  if (how === 'unreadable') mkdirSync(file)
}

/** What the model is, bit for bit. */
function modelOf(dir: string, step: number, attempt = 1): string {
  const { parameters, velocity } = JSON.parse(readFileSync(fileOf(dir, step, attempt), 'utf8')) as Record<
    string,
    string
  >
  return `${parameters} ${velocity}`
}

/** The model of the run that nothing happens to; trained once. */
let unbroken: Promise<string> | undefined
function unbrokenModel(): Promise<string> {
  unbroken ??= launch(tiny(spec), { ...options, runs: runsFolder() }).then(async (run) => {
    expect(await run.result).toMatchObject({ status: 'completed', steps: 80 })
    return modelOf(run.dir, 80)
  })
  return unbroken
}

/** A run that stands after 70 steps, with checkpoints of 20, 40 and 60. */
async function standing(): Promise<Run> {
  const run = await launch(tiny(spec), { ...options, runs: runsFolder(), pace: 500 })
  for await (const _first of run.reports()) break
  const { appliedAt } = await run.pause()
  const reports = run.reports()
  await run.step(70 - appliedAt)
  for await (const report of reports) if (report.step === 69) break
  return run
}

async function takeUp(dir: string) {
  const manifest = readManifest(dir)
  const resolved = resolveExperiment(tiny(spec), { params: manifest.params })
  const { ended, origin } = await startRun({ dir, manifest, resolved })
  expect(await ended).toMatchObject({ status: 'completed' })
  return origin
}

/** Each returns to a checkpoint of 60 steps, and says in words what was used. */
const ways: Readonly<Record<string, (run: Run) => Promise<{ step: number; said: string }>>> = {
  async resume(run) {
    await run.stop({ checkpoint: false })
    await run.result
    expect(await takeUp(run.dir)).toBe('restarted')
    const [rewind] = await bodiesOf(run.dir, 'rewind')
    return { step: rewind!.toStep, said: (await warningsOf(run.dir)).join('\n') }
  },
  async restore(run) {
    const { appliedAt } = await run.restore(60)
    await run.resume()
    await run.result
    return { step: appliedAt, said: (await warningsOf(run.dir)).join('\n') }
  },
  async undo(run) {
    await run.set({ lambda: -3 })
    const { appliedAt } = await run.undo()
    await run.resume()
    await run.result
    return { step: appliedAt, said: (await warningsOf(run.dir)).join('\n') }
  },
  async fork(run) {
    await run.stop({ checkpoint: false })
    await run.result
    const resolved = resolveExperiment(tiny(spec), { params: readManifest(run.dir).params })
    const { dir, at, notes } = await forkRun(run.dir, {
      resolved,
      name: 'forked',
      at: 60,
      edits: [],
      why: '',
    })
    expect(await takeUp(dir)).toBe('new')
    expect(modelOf(dir, 80)).toBe(await unbrokenModel())
    expect(await warningsOf(dir)).toEqual(expect.arrayContaining([...notes]))
    return { step: at, said: notes.join('\n') }
  },
}

async function warningsOf(dir: string): Promise<readonly string[]> {
  return (await bodiesOf(dir, 'note')).map(({ text }) => text)
}

describe.each(Object.keys(ways))('%s', (way) => {
  test.each(['missing', 'changed', 'unreadable'] as const)(
    'names a checkpoint that is %s, and takes the one before it',
    async (how) => {
      const run = await standing()
      harm(fileOf(run.dir, 60), how)
      const { step, said } = await ways[way]!(run)
      expect(step).toBe(40)
      expect(said).toContain('checkpoints/step-000000060.1.json')
      if (way === 'fork') return
      expect(modelOf(run.dir, 80, 2)).toBe(await unbrokenModel())
    },
  )
})

test('a fork for which no checkpoint is whole is refused with the reasons, and leaves nothing', async () => {
  const run = await standing()
  await run.stop({ checkpoint: false })
  await run.result
  for (const step of [20, 40, 60]) harm(fileOf(run.dir, step), 'cut')
  const resolved = resolveExperiment(tiny(spec), { params: readManifest(run.dir).params })
  const asked = forkRun(run.dir, { resolved, name: 'forked', edits: [], why: '' })
  await expect(asked).rejects.toThrow(/step-000000060\.1\.json, after 60 steps: it has \d+ bytes/)
  expect(readdirSync(join(run.dir, '..'))).toEqual([run.name])
  // Nor does a run with them begin again from its first step: they may be mended.
  await expect(takeUp(run.dir)).rejects.toThrow(/no checkpoint of the run in .* can be used/)
  expect((await readRunView(run.dir)).summary.steps).toBe(70)
})

/** The log as a kill may leave it: everything behind a record that is drawn is gone. */
async function cutLog(dir: string, kept: number): Promise<void> {
  const records: readonly LogRecord[] = (await recordsOf(dir)).filter(
    ({ body }) => !body.type.startsWith('sample'),
  )
  const { steps: file } = runPaths(dir)
  truncateSync(file, 0)
  writeFileSync(file, encodeHeader('steps', VERSION))
  const log = openLogWriter(dir)
  for (const record of records.slice(0, kept)) log.append('steps', encodeRecord(record))
  await log.close()
}

test.each(Array.from({ length: 6 }, (_, i) => i))(
  'a run whose log ends anywhere goes on from the newest file there is, and trains the same bits (%i)',
  async (seed) => {
    const run = await standing()
    await run.stop({ checkpoint: false })
    await run.result
    const count = (await recordsOf(run.dir)).filter(({ body }) => !body.type.startsWith('sample')).length
    // Two records at least, so that the worker has joined: a log without any training is refused (nothing-deleted.test.ts).
    await cutLog(run.dir, Math.max(2, Math.floor((count * seed) / 6)))
    writeFileSync(`${fileOf(run.dir, 75)}.unfinished`, 'half')
    await takeUp(run.dir)
    expect((await bodiesOf(run.dir, 'rewind'))[0]).toMatchObject({ attempt: 2, toStep: 60, cause: 'resume' })
    expect(modelOf(run.dir, 80, 2)).toBe(await unbrokenModel())
    const { checkpoints } = (await readRunView(run.dir)).summary
    expect(checkpoints.map(({ step }) => step)).toEqual(expect.arrayContaining([60, 80]))
    for (const { path } of checkpoints) expect(existsSync(join(run.dir, path))).toBe(true)
  },
)

test('a Python worker that is killed behind its last checkpoint, of which one is kept, has recorded it', async () => {
  const more = { length: 30, checkpoint: every(steps(10)), keepCheckpoints: 1 } as const
  const run = await launchTiny(more, { params: { fault: 'predict', predict: true } })
  const { status, reason = '' } = await run.result
  expect(status).toBe('failed')
  expect(reason).toContain('trains again from the checkpoint at step 30')
  expect(readdirSync(join(run.dir, 'checkpoints'))).toEqual(['step-000000030.1.pt'])
  const [written] = await bodiesOf(run.dir, 'checkpoint-written').then((all) => all.slice(-1))
  // A log that has lost the record of it: the file tells the same.
  const found = unrecordedCheckpoints(run.dir, { checkpoints: [], rewinds: [] })
  expect(found).toEqual([{ ...written, seconds: 0, deleted: [] }])
})
