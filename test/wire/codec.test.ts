import { create, toBinary, type MessageInitShape } from '@bufbuild/protobuf'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Body, LogRecord, StepBatch } from '../../src/record/record.js'
import {
  decodeRecord,
  decodeToController,
  decodeToPeer,
  encodeRecord,
  encodeToController,
  encodeToPeer,
} from '../../src/wire/codec.js'
import { ToPeerSchema } from '../../src/wire/gen/absgd/v1/envelope_pb.js'
import { RecordSchema } from '../../src/wire/gen/absgd/v1/record_pb.js'
import type { WeightingSchema } from '../../src/wire/gen/absgd/v1/session_pb.js'
import { logRecord, toController, toPeer } from './arbitraries.js'

describe('a round trip through the codec', () => {
  test('preserves every message to a controller', () => {
    fc.assert(
      fc.property(toController, (message) => {
        expect(decodeToController(encodeToController(message))).toEqual(message)
      }),
    )
  })

  test('preserves every message to a peer', () => {
    fc.assert(
      fc.property(toPeer, (message) => {
        expect(decodeToPeer(encodeToPeer(message))).toEqual(message)
      }),
    )
  })

  test('preserves every record, at any offset in memory', () => {
    fc.assert(
      fc.property(logRecord, fc.integer({ min: 0, max: 7 }), (record, shift) => {
        const bytes = encodeRecord(record)
        const shifted = new Uint8Array(bytes.length + shift)
        shifted.set(bytes, shift)
        expect(decodeRecord(shifted.subarray(shift))).toEqual(record)
      }),
      { numRuns: 300 },
    )
  })

  test('copies arrays, so that the bytes may be reused', () => {
    const bytes = encodeRecord(record(stepBatch()))
    const decoded = decodeRecord(bytes)
    bytes.fill(0xff)
    expect(decoded?.body).toEqual(stepBatch())
  })

  test('preserves names that are special in objects', () => {
    const controls = Object.fromEntries([['__proto__', Float64Array.of(1)]])
    const decoded = decodeRecord(encodeRecord(record({ ...stepBatch(), controls })))
    expect(Object.keys((decoded?.body as StepBatch).controls)).toEqual(['__proto__'])
  })
})

test('a Welcome without a rule of weights has the default rule', () => {
  const welcome = { run: 'try-1', attempt: 1, leaseEpoch: 1, orphanLimitSeconds: 600 }
  const decode = (weighting?: MessageInitShape<typeof WeightingSchema>) =>
    decodeToPeer(
      toBinary(
        ToPeerSchema,
        create(ToPeerSchema, {
          body: { case: 'welcome', value: { ...welcome, ...(weighting === undefined ? {} : { weighting }) } },
        }),
      ),
    )
  expect(decode()).toMatchObject({ weighting: { preset: 'default' } })
  expect(() => decode({ preset: 0 })).toThrow('Weighting.preset is 0; known are 1, 2, 3')
  expect(() => decode({ preset: 4 as never })).toThrow('Weighting.preset is 4; known are 1, 2, 3')
  expect(() => decode({ preset: 3 })).toThrow('Weighting.alpha is 0; it must be finite and above 0')
})

describe('a record of a kind that this version does not know', () => {
  test('is distinguished from a damaged one', () => {
    const known = encodeRecord(record({ type: 'rewind', attempt: 1, toStep: 0, cause: '' }))
    // Field 1000, length-delimited, 3 bytes: behind fields that are known, and without a body among them.
    const body = Buffer.from([0xc2, 0x3e, 0x03, 1, 2, 3])
    const header = toBinary(RecordSchema, create(RecordSchema, { origin: 'worker-0', seq: 1n }))
    expect(decodeRecord(Buffer.concat([header, body]))).toBeUndefined()
    expect(decodeRecord(Buffer.concat([known, body]))?.body.type).toBe('rewind')
  })
})

test('random bytes cause nothing worse than a protocol error', () => {
  const frame = fc.oneof(
    fc.uint8Array({ maxLength: 64 }),
    fc.tuple(logRecord, fc.nat(), fc.nat()).map(damage),
  )
  fc.assert(
    fc.property(frame, (bytes) => {
      for (const decode of [decodeRecord, decodeToPeer, decodeToController]) {
        try {
          decode(bytes)
        } catch (error) {
          expect(error).toMatchObject({ name: 'AbsgdError', code: 'protocol' })
        }
      }
    }),
    { numRuns: 1000 },
  )
})

function damage([source, at, mask]: [LogRecord, number, number]): Uint8Array {
  const encoded = encodeRecord(source)
  encoded[at % encoded.length]! ^= (mask % 255) + 1
  return encoded
}

function record(body: Body): LogRecord {
  return { origin: 'worker-0', incarnation: '00000000000000a1', seq: 1, timeMs: 0, body }
}

function stepBatch(): StepBatch {
  return {
    type: 'step-batch',
    attempt: 1,
    firstStep: 0,
    count: 1,
    controls: { lambda: Float64Array.of(-2) },
    weighings: [],
    metrics: {},
    stepSeconds: Float32Array.of(0.5),
    waits: 0,
  }
}
