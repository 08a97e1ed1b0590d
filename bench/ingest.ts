/** How many steps a second a controller takes in: decoded, appended to the log, on disk, acknowledged. */
import { GUARD } from '../src/schedule/feedback/guard.js'
import { compileEdit, requireInRange } from '../src/experiment/controls/compile-edit.js'
import { fork, type ChildProcess } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Pull } from 'zeromq'
import { startController } from '../src/controller/controller.js'
import { initialState } from '../src/controller/state/state.js'
import { openLogWriter } from '../src/log/files/log-writer.js'
import { DEFAULT_WEIGHTING } from '../src/record/weighting-rule.js'
import { encodeRecord } from '../src/wire/codec.js'
import { localEndpoints } from '../src/wire/endpoints.js'
import { bindController } from '../src/wire/zmq-channel.js'
import type { Bench, Figure } from './figure.js'
import { median } from './helpers/median.js'
import type { Answer, Order } from './helpers/pusher.js'
import type { SyntheticRun } from './helpers/synthetic.js'

export const ingest: Bench = {
  name: 'ingest',
  about: 'step records with 2×128 floats that a controller takes in a second',
  async run({ folder, quick }) {
    const pusher = fork(fileURLToPath(new URL('helpers/pusher.ts', import.meta.url)))
    try {
      const usual = await rates(pusher, folder, { stepsARecord: 64, ...(quick ? QUICK : FULL) })
      const small = await rates(pusher, folder, { stepsARecord: 20, ...(quick ? QUICK : SMALL) })
      return [...figures(usual, 64, { least: 50_000 }), ...figures(small, 20)]
    } finally {
      pusher.kill()
    }
  },
}

interface Sizes {
  readonly steps: number
  readonly rounds: number
  readonly stepsARecord: number
}

/** Steps a second, of every round. */
interface Rates {
  readonly controller: readonly number[]
  /** CPU time of the controller's process, sockets included. */
  readonly ofCpu: readonly number[]
  readonly raw: readonly number[]
}

async function rates(pusher: ChildProcess, folder: string, sizes: Sizes): Promise<Rates> {
  const { rounds, stepsARecord } = sizes
  const steps = Math.ceil(sizes.steps / stepsARecord) * stepsARecord
  const run: SyntheticRun = { name: 'ingest', steps, stepsPerEpoch: 1000, batchSize: 128, classes: 10 }
  await ask(pusher, { type: 'prepare', run, stepsARecord })
  const measured = { controller: [] as number[], ofCpu: [] as number[], raw: [] as number[] }
  for (let round = 0; round < rounds; round += 1) {
    const dir = join(folder, `${stepsARecord}-${round}`)
    mkdirSync(dir)
    measured.raw.push(await rawRate(pusher, run, 2 * (steps / stepsARecord)))
    const [rate, ofCpu] = await controllerRate(pusher, dir, run)
    measured.controller.push(rate)
    measured.ofCpu.push(ofCpu)
    rmSync(dir, { recursive: true })
  }
  return measured
}

/** Between the first message and the last, with nothing done about them. */
async function rawRate(pusher: ChildProcess, run: SyntheticRun, messages: number): Promise<number> {
  const socket = new Pull({ receiveHighWaterMark: 1000 })
  const { telemetry } = localEndpoints('bench')
  await socket.bind(telemetry)
  const done = ask(pusher, { type: 'raw', telemetry })
  await socket.receive()
  const began = performance.now()
  for (let received = 1; received < messages; received += 1) await socket.receive()
  const seconds = (performance.now() - began) / 1000
  await done
  socket.close()
  return run.steps / seconds
}

/** Steps a second of time, and of this process's CPU. */
async function controllerRate(
  pusher: ChildProcess,
  dir: string,
  run: SyntheticRun,
): Promise<[number, number]> {
  const endpoints = localEndpoints('bench')
  const done = { resolve: () => {} }
  const exited = new Promise<void>((resolve) => (done.resolve = resolve))
  const controller = startController({
    context: {
      run: run.name,
      paramsJson: '{}',
      worker: 'task',
      sampleEvery: 1,
      sampleQuotaLeft: () => 2 ** 40,
      orphanLimitSeconds: 600,
      keepCheckpoints: 3,
      weighting: DEFAULT_WEIGHTING,
      guard: GUARD,
      compile: () => ({
        runSteps: run.steps,
        rows: () => ({ lambda: Float64Array.of(2), gamma: Float64Array.of(0.9) }),
        events: () => [],
        warnings: [],
      }),
      compileEdit,
      requireInRange,
    },
    initial: initialState(),
    opening: [],
    channel: await bindController(endpoints),
    log: openLogWriter(dir),
    worker: {
      pid: pusher.pid!,
      exited: exited.then(() => ({ exitCode: 0, signal: undefined })),
      kill: () => {},
    },
    lastLines: () => '',
    spooled: async function* () {},
    summary: () => Promise.resolve({}),
    encode: encodeRecord,
  })
  const before = process.cpuUsage()
  const { acks } = (await ask(pusher, { type: 'run', endpoints })) as Extract<Answer, { type: 'done' }>
  const { user, system } = process.cpuUsage(before)
  done.resolve()
  await controller.ended
  return [slope(acks), (1e6 * run.steps) / (user + system)]
}

/** From the first acknowledgement to the last: they come once a second, so that the start says little. */
function slope(acks: readonly (readonly [seconds: number, steps: number])[]): number {
  const [first, last] = [acks[acks.length > 2 ? 1 : 0]!, acks.at(-1)!]
  return (last[1] - first[1]) / (last[0] - first[0])
}

/** Rejects if the pusher ends instead of answering: it would be waited for without end. */
async function ask(pusher: ChildProcess, order: Order): Promise<Answer> {
  const answered = new AbortController()
  const { signal } = answered
  const ended = once(pusher, 'exit', { signal }).then(() => {
    throw new Error('the process that pushes telemetry has ended')
  })
  const answer = once(pusher, 'message', { signal })
  pusher.send(order)
  try {
    const [message] = (await Promise.race([answer, ended])) as [Answer]
    return message
  } finally {
    answer.catch(() => undefined)
    ended.catch(() => undefined)
    answered.abort()
  }
}

function figures(rates: Rates, stepsARecord: number, budget?: Figure['budget']): Figure[] {
  const { controller, ofCpu, raw } = rates
  return [
    {
      name: `steps_per_second_${stepsARecord}`,
      what: `steps with 2×128 floats and indices taken in, ${stepsARecord} a record, append and ack included`,
      value: Math.round(median(controller)),
      unit: '/s',
      ...(budget === undefined ? {} : { budget }),
      against: `raw PUSH/PULL of the same bytes: ${Math.round(median(raw)).toLocaleString('en')}/s`,
    },
    {
      name: `steps_per_cpu_second_${stepsARecord}`,
      what: `the same, a second of CPU of the controller's process`,
      value: Math.round(median(ofCpu)),
      unit: '/s',
    },
  ]
}

const FULL = { steps: 400_000, rounds: 3 }
const SMALL = { steps: 150_000, rounds: 3 }
const QUICK = { steps: 6400, rounds: 1 }
