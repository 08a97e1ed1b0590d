import { expect, test } from 'vitest'
import { streamOf, type LogRecord, type SampleBatch, type Stream } from '../../src/record/record.js'
import { decodeRecord, encodeRecord } from '../../src/wire/codec.js'
import { createTelemetry } from '../../src/simulated/telemetry.js'

function open({ limitBytes = 1e9 } = {}) {
  const disk = { refuses: false, frames: [] as [Stream, Uint8Array][] }
  const telemetry = createTelemetry({
    origin: 'worker-0',
    incarnation: 'a'.repeat(16),
    encode: encodeRecord,
    label: () => 5,
    limitBytes,
    spool: {
      append(stream, frame) {
        if (!disk.refuses) disk.frames.push([stream, frame])
        return !disk.refuses
      },
      sync: () => true,
      acknowledge: () => undefined,
      close: () => undefined,
    },
  })
  const sent = () => [...telemetry.unsent()].map((frame) => decodeRecord(frame)!)
  return { telemetry, disk, sent }
}

function samples(step: number): SampleBatch {
  const numbers = Float32Array.of(1, 2, 3)
  const none = new Uint32Array(0)
  const own = {
    step,
    losses: numbers,
    weights: numbers,
    indices: Uint32Array.of(1, 2, 3),
    labels: none,
    weighing: '',
  }
  return { type: 'sample-batch', attempt: 1, steps: [own] }
}

const NOTE = { type: 'summary', values: {} } as const
const names = (records: readonly LogRecord[]) => records.map(({ body, seq }) => `${streamOf(body)} ${seq}`)

test('every frame is on disk before it is sent, and is sent once', () => {
  const { telemetry, disk, sent } = open()
  telemetry.append(NOTE)
  telemetry.appendSamples(samples(0))
  expect(disk.frames.map(([stream]) => stream)).toEqual(['steps', 'samples'])
  expect(names(sent())).toEqual(['steps 1', 'samples 1'])
  expect(sent()).toEqual([])
})

test('after a Welcome all frames that the controller lacks are sent again', () => {
  const { telemetry, sent } = open()
  for (let i = 0; i < 4; i++) telemetry.append(NOTE)
  sent()
  telemetry.acknowledge({ steps: 1, samples: 0 })
  telemetry.welcome({ steps: 2, samples: 0 }, 1e9)
  expect(names(sent())).toEqual(['steps 3', 'steps 4'])
  telemetry.welcome({ steps: 1, samples: 0 }, 1e9)
  expect(names(sent())).toEqual(['steps 3', 'steps 4'])
})

test('after a failed write, samples are left out until all frames before them are acknowledged; scalars never are', () => {
  const { telemetry, disk, sent } = open()
  telemetry.appendSamples(samples(0))
  disk.refuses = true
  telemetry.append(NOTE)
  telemetry.appendSamples(samples(1))
  telemetry.appendSamples(samples(2))
  telemetry.append(NOTE)
  const records = sent()
  expect(records.map(({ body }) => body.type)).toEqual(['summary', 'gap', 'summary', 'sample-batch'])
  expect(records[1]?.body).toMatchObject({ firstStep: 1, reason: 'spool' })
  disk.refuses = false
  telemetry.acknowledge({ steps: 3, samples: 1 })
  telemetry.appendSamples(samples(3))
  expect(names(sent())).toEqual(['samples 2'])
})

test('samples are left out while too many bytes wait for a controller', () => {
  const { telemetry, sent } = open({ limitBytes: 100 })
  telemetry.appendSamples(samples(0))
  telemetry.appendSamples(samples(1))
  telemetry.appendSamples(samples(2))
  expect(sent().map(({ body }) => body.type)).toEqual(['gap', 'sample-batch', 'sample-batch'])
})

test('the quota counts waiting frames, and a larger quota ends the gap', () => {
  const { telemetry, sent } = open()
  const bytes = encodeRecord({
    origin: 'worker-0',
    incarnation: 'a'.repeat(16),
    seq: 1,
    timeMs: 5,
    body: samples(0),
  }).length
  telemetry.welcome({ steps: 0, samples: 0 }, bytes)
  telemetry.appendSamples(samples(0))
  telemetry.appendSamples(samples(1))
  telemetry.appendSamples(samples(2))
  expect(sent().map(({ body }) => body.type)).toEqual(['gap', 'sample-batch'])
  telemetry.welcome({ steps: 1, samples: 0 }, bytes)
  telemetry.appendSamples(samples(3))
  expect(names(sent())).toEqual(['samples 1'])
  telemetry.welcome({ steps: 1, samples: 1 }, 2 * bytes)
  telemetry.appendSamples(samples(4))
  expect(names(sent())).toEqual(['samples 2'])
})
