import { getOption } from '@bufbuild/protobuf'
import { describe, expect, test } from 'vitest'
import { nameOf } from '../../src/record/record-id.js'
import { streamOf, type Body, type LogRecord } from '../../src/record/record.js'
import { decodeName, encodeRecord } from '../../src/wire/codec.js'
import { RecordSchema } from '../../src/wire/gen/absgd/v1/record_pb.js'
import { Stream, stream as streamOption } from '../../src/wire/gen/absgd/v1/stream_pb.js'
import { unknownRecord } from '../helpers/records.js'
import { vectors } from './vectors.js'

const kinds = RecordSchema.oneofs[0]!.fields

/** One record of each kind of the contract, by its field; test/wire/golden.test.ts checks that none is missing. */
const goldenRecords = vectors.flatMap((vector) => (vector.type === 'Record' ? [vector.value] : []))
const fieldOf = (body: Body) => body.type.replaceAll('-', '_')

describe('the stream of a record', () => {
  test.each(kinds.map((field) => [field.name, field] as const))(
    'of the kind %s is said by the contract, and by every reader alike',
    (name, field) => {
      const said = getOption(field, streamOption)
      expect(said, 'a kind of record without a stream').not.toBe(Stream.UNSPECIFIED)
      const word = said === Stream.SAMPLES ? 'samples' : 'steps'
      const ofKind = goldenRecords.filter(({ body }) => fieldOf(body) === name)
      expect(ofKind).not.toEqual([])
      for (const record of ofKind) {
        expect(streamOf(record.body)).toBe(word)
        expect(decodeName(encodeRecord(record))).toEqual(nameOf(record))
      }
    },
  )

  test('of samples differs from that of steps', () => {
    const samples = kinds.filter((field) => getOption(field, streamOption) === Stream.SAMPLES)
    expect(samples.map(({ name }) => name)).toEqual(['sample_batch', 'sample_info', 'sample_predictions'])
  })

  test('of a kind that only a newer version knows is that of the file which holds it', () => {
    expect(decodeName(unknownRecord(7))).toMatchObject({ stream: 'steps', seq: 7 })
    expect(decodeName(unknownRecord(7), 'samples')).toMatchObject({ stream: 'samples', seq: 7 })
    const known: LogRecord = goldenRecords[0]!
    for (const file of ['steps', 'samples'] as const)
      expect(decodeName(encodeRecord(known), file)?.stream).toBe(streamOf(known.body))
  })
})
