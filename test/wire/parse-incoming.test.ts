import { describe, expect, test } from 'vitest'
import { decodeName, encodeRecord } from '../../src/wire/codec.js'
import { parseTelemetry } from '../../src/wire/parse-incoming.js'
import { nameOf } from '../../src/record/record-id.js'
import { steps, record, unknownRecord, WORKER } from '../helpers/records.js'

describe('telemetry', () => {
  test('names itself whatever it holds', () => {
    const batch = record(steps(0, 3))
    const samples = record({ type: 'sample-batch', attempt: 1, steps: [] })
    for (const one of [batch, samples]) expect(decodeName(encodeRecord(one))).toEqual(nameOf(one))
  })

  test('of a kind that this version does not know is kept by its name', () => {
    const bytes = unknownRecord(7)
    const name = { origin: 'worker-0', incarnation: WORKER, stream: 'steps', seq: 7 }
    expect(parseTelemetry(bytes)).toEqual({ type: 'unread', name, bytes })
  })

  test('that breaks the contract is kept by its name, with what is wrong', () => {
    const broken = encodeRecord(record({ ...steps(0, 3), stepSeconds: new Float32Array(2) }))
    expect(parseTelemetry(broken)).toMatchObject({
      type: 'unread',
      name: { seq: 1 },
      reason: expect.stringContaining('step_seconds') as string,
    })
  })

  test('without a name is malformed', () => {
    expect(parseTelemetry(new Uint8Array([255, 255]))).toMatchObject({ type: 'malformed' })
    expect(parseTelemetry(new Uint8Array())).toMatchObject({ type: 'malformed' })
  })
})
