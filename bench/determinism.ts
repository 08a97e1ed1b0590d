/** Whether a run is the same, bit for bit, however late its telemetry came, and when it is trained again. */
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import pLimit from 'p-limit'
import { z } from 'zod'
import { resolveExperiment } from '../src/experiment/resolve-experiment.js'
import { defineExperiment, launch, linear, steps, targetEss, times, type Run } from '../src/index.js'
import { readRun } from '../src/log/read-run.js'
import { prepareRun } from '../src/run/prepare.js'
import type { LogRecord } from '../src/record/record.js'
import { createStepHistory, firstDifference, type StepHistory } from '../src/history/series/step-history.js'
import { replayRun } from '../src/run/replay.js'
import { startRun } from '../src/run/start.js'
import type { ControllerChannel } from '../src/wire/channel.js'
import { encodeRecord } from '../src/wire/codec.js'
import type { Bench, Settings } from './figure.js'

export const determinism: Bench = {
  name: 'determinism',
  about: 'runs that differ in a bit: under telemetry that is late, and replayed from the ledger',
  async run(settings) {
    const [runs, replays, edits] = settings.quick ? [1, 1, 6] : [10, 3, 40]
    const jittered = await differingUnderJitter(settings, runs)
    const replayed = await differingReplays(settings, replays, edits)
    return [
      {
        name: 'jittered',
        what: `runs of ${runs} that differ from one whose telemetry is on time: λ by feedback, every record delayed at random by 0 to 500 ms, in plans or a bit of a step or of the model`,
        value: jittered.differing,
        unit: '',
        budget: { most: 0 },
        against: `${runs} runs of ${jittered.steps} steps, ${jittered.decisions} decisions each`,
      },
      {
        name: 'replayed',
        what: `runs of ${replays} whose replay differs: ${edits} edits, pauses and undos at random each`,
        value: replayed.differing,
        unit: '',
        budget: { most: 0 },
        against: `${replayed.steps} steps, ${replayed.edits} edits that took effect, ${replayed.undos} undos`,
      },
    ]
  },
}

interface Outcome {
  readonly plans: Buffer
  readonly history: StepHistory
  readonly fingerprint: number | undefined
  readonly decisions: number
}

/** λ follows the losses; the learning rate is open-loop, so that plans of both kinds are among those compared. */
function underFeedback(quick: boolean) {
  const length = quick ? 120 : 500
  const lambda = targetEss({
    ratio: 0.7,
    sign: -1,
    min: 0.2,
    max: 20,
    after: 40,
    lag: 48,
    window: 24,
    every: 8,
    maxChange: 1.5,
  })
  return experiment(length, { lambda, gamma: 0.9, lr: linear({ init: 0.1, end: 0.01, over: length }) })
}

async function differingUnderJitter(settings: Settings, runs: number) {
  const straight = await outcomeOf(settings, 'straight', undefined)
  const limit = pLimit(5)
  const outcomes = await Promise.all(
    Array.from({ length: runs }, (_, i) => limit(() => outcomeOf(settings, `late-${i}`, i + 1))),
  )
  const differing = outcomes.filter((outcome) => !isSame(straight, outcome)).length
  return { differing, steps: straight.history.to, decisions: straight.decisions }
}

async function outcomeOf(settings: Settings, name: string, seed: number | undefined): Promise<Outcome> {
  const { python, folder, quick } = settings
  const prepared = await prepareRun({ experiment: underFeedback(quick), runs: folder, name, python })
  const random = seed === undefined ? undefined : generator(seed)
  const through =
    random === undefined ? {} : { through: (channel: ControllerChannel) => late(channel, random) }
  const { ended } = await startRun({ ...prepared, threads: 1, ...through })
  const { status, reason } = await ended
  if (status !== 'completed') throw new Error(`${name} ended as ${status}: ${reason}`)
  return readOutcome(prepared.dir)
}

/** Telemetry waits in the order in which it came; what comes meanwhile comes in one go. */
function late(channel: ControllerChannel, random: () => number): ControllerChannel {
  return {
    ...channel,
    async *incoming() {
      for await (const incoming of channel.incoming()) {
        if (incoming.type === 'telemetry') await sleep(500 * random())
        yield incoming
      }
    },
  }
}

async function readOutcome(dir: string): Promise<Outcome> {
  const history = createStepHistory()
  const plans: Uint8Array[] = []
  let fingerprint: number | undefined
  let decisions = 0
  for await (const record of readRun(dir, { streams: ['steps'] })) {
    history.add(record)
    if (record.body.type === 'plan') plans.push(encodeRecord(unlabelled(record)))
    if (record.body.type === 'decided') decisions += 1
    if (record.body.type === 'evaluation') fingerprint = record.body.metrics['fingerprint']
  }
  return { plans: Buffer.concat(plans), history, fingerprint, decisions }
}

/** Without what names the writer and the time. */
function unlabelled(record: LogRecord): LogRecord {
  return { ...record, origin: 'controller', incarnation: '0'.repeat(16), seq: 1, timeMs: 0 }
}

function isSame(a: Outcome, b: Outcome): boolean {
  return (
    a.plans.equals(b.plans) &&
    a.history.to === b.history.to &&
    firstDifference(a.history, b.history) === undefined &&
    a.fingerprint !== undefined &&
    a.fingerprint === b.fingerprint
  )
}

async function differingReplays(settings: Settings, replays: number, edits: number) {
  const total = { differing: 0, steps: 0, edits: 0, undos: 0 }
  for (let i = 0; i < replays; i++) {
    const length = settings.quick ? 250 : 4000
    const edited = experiment(length, { lambda: 2, gamma: 0.9, lr: 0.1 })
    const params = { pace: 0.002, batchSize: 16, seed: i }
    const { python, folder } = settings
    const run = await launch(edited, { params, python, runs: folder, name: `edited-${i}`, threads: 1 })
    const undos = await editAtRandom(run, edits, generator(100 + i))
    const summary = await run.result
    if (summary.status !== 'completed') throw new Error(`${run.name} ended as ${summary.status}`)
    const resolved = resolveExperiment(edited, { params: { ...params, pace: 0 } })
    const found = await replayRun(run.dir, { resolved, name: `replayed-${i}`, python, threads: 1 })
    const same =
      found.replayed === found.steps && found.difference === undefined && found.evaluation === undefined
    total.differing += same ? 0 : 1
    total.steps += found.steps
    total.edits += await effectiveEdits(run.dir)
    total.undos += undos
  }
  return total
}

/** Edits of all kinds, pauses, checkpoints and undos, some steps apart. Returns how many undos were made. */
async function editAtRandom(run: Run, count: number, random: () => number): Promise<number> {
  let undos = 0
  for (let i = 0; i < count; i++) {
    await stepsLater(run, 5 + Math.floor(10 * random()))
    const pick = random()
    if (pick < 0.15) {
      await run.pause()
      await run.set({ lambda: sized(random) })
      await run.resume()
    } else if (pick < 0.3) await run.checkpoint()
    else if (pick < 0.45) undos += await undone(run)
    else if (pick < 0.6) await run.set({ lr: times(0.5 + random()) })
    else if (pick < 0.75) await run.set({ gamma: 0.1 + 0.9 * random() }, { after: Math.floor(20 * random()) })
    else {
      const init = sized(random)
      const over = steps(10 + Math.floor(50 * random()))
      await run.set({ lambda: linear({ init, end: init * (0.2 + random()), over }) })
    }
  }
  return undos
}

/** Where nothing is to be undone, or no checkpoint lies before it, there is none. */
function undone(run: Run): Promise<number> {
  return run.undo({ all: true }).then(
    () => 1,
    () => 0,
  )
}

function sized(random: () => number): number {
  return (random() < 0.5 ? -1 : 1) * (0.5 + 5 * random())
}

async function stepsLater(run: Run, count: number): Promise<void> {
  let first: number | undefined
  for await (const { step } of run.reports()) {
    first ??= step
    if (step >= first + count) return
  }
}

async function effectiveEdits(dir: string): Promise<number> {
  let edits = 0
  for await (const { body } of readRun(dir, { streams: ['steps'] })) if (body.type === 'edited') edits += 1
  return edits
}

function experiment(length: number, controls: Parameters<typeof defineExperiment>[0]['controls'] & object) {
  return defineExperiment({
    name: 'determinism',
    worker: { task: `${TINY}:build` },
    params: z.object({
      batchSize: z.number().default(16),
      pace: z.number().default(0),
      seed: z.number().default(0),
    }),
    length,
    evaluate: 'end',
    checkpoint: 'end',
    controls,
  })
}

/** A small generator of numbers in [0, 1): Park and Miller's. */
function generator(seed: number): () => number {
  let state = seed
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647
}

/** Every source of chance has a say in it: data order, dropout, the task's own numbers, evaluation. */
const TINY = fileURLToPath(new URL('../test/integration/fixtures/tiny.py', import.meta.url))
