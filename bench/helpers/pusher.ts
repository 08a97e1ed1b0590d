/**
 * A process that acts as a worker and sends all frames at once. Its parent tells it to push frames that were built before, either into a
 * bare socket or, after a Hello, to a controller.
 */
import { Push } from 'zeromq'
import type { Body } from '../../src/record/record.js'
import { encodeRecord } from '../../src/wire/codec.js'
import { connectPeer } from '../../src/wire/zmq-channel.js'
import type { Endpoints } from '../../src/wire/channel.js'
import { syntheticHello, syntheticSamples, syntheticSteps, WORKER, type SyntheticRun } from './synthetic.js'

export type Order =
  | { readonly type: 'prepare'; readonly run: SyntheticRun; readonly stepsARecord: number }
  | { readonly type: 'raw'; readonly telemetry: string }
  | { readonly type: 'run'; readonly endpoints: Endpoints }

/** `acks`: monotonic seconds, and steps that were on disk by then; the first is the start. */
export type Answer =
  | { readonly type: 'prepared'; readonly frames: number; readonly bytes: number }
  | { readonly type: 'done'; readonly acks: readonly (readonly [seconds: number, steps: number])[] }

let frames: Uint8Array[] = []
let run: SyntheticRun
let stepsARecord: number

process.on('message', (order: Order) => {
  void obey(order).then((answer) => process.send?.(answer))
})

async function obey(order: Order): Promise<Answer> {
  switch (order.type) {
    case 'prepare':
      return prepare(order.run, order.stepsARecord)
    case 'raw':
      await push(order.telemetry, async () => {})
      return { type: 'done', acks: [] }
    case 'run':
      return work(order.endpoints)
    default:
      return order satisfies never
  }
}

function prepare(given: SyntheticRun, count: number): Answer {
  run = given
  stepsARecord = count
  const records = Math.ceil(run.steps / count)
  const encode = (body: Body, seq: number) =>
    encodeRecord({ origin: 'worker-0', incarnation: WORKER, seq, timeMs: 0, body })
  frames = Array.from({ length: records }, (_, i) => [
    encode(syntheticSteps(run, i * count, count), i + 1),
    encode(syntheticSamples(run, i * count, count), i + 1),
  ]).flat()
  const bytes = frames.reduce((sum, frame) => sum + frame.length, 0)
  return { type: 'prepared', frames: frames.length, bytes }
}

async function push(endpoint: string, then: () => Promise<void>): Promise<void> {
  const socket = new Push({ sendHighWaterMark: 0, linger: -1 })
  socket.connect(endpoint)
  for (const frame of frames) await socket.send(frame)
  await then()
  socket.close()
}

async function work(endpoints: Endpoints): Promise<Answer> {
  const peer = connectPeer(endpoints)
  const acks: [number, number][] = []
  const records = frames.length / 2
  peer.send(syntheticHello(run))
  let pushed: Promise<void> | undefined
  let release = () => {}
  for await (const message of peer.incoming()) {
    if (message.type === 'welcome') {
      const { leaseEpoch } = message
      acks.push([performance.now() / 1000, 0])
      pushed ??= push(endpoints.telemetry, () => new Promise((resolve) => (release = resolve)))
      peer.send({
        type: 'bye',
        leaseEpoch,
        reason: 'completed',
        position: { attempt: 1, step: run.steps },
        message: '',
        traceback: '',
        sent: { steps: records, samples: records },
      })
    }
    if (message.type === 'telemetry-ack') {
      const steps = stepsARecord * Math.min(message.acked.steps, message.acked.samples)
      if (steps > acks.at(-1)![1]) acks.push([performance.now() / 1000, steps])
    }
    if (message.type === 'released') break
  }
  release()
  await pushed
  await peer.close()
  return { type: 'done', acks }
}
