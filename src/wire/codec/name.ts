/** Reads the name of a record without its body. This is fast, and works for kinds of a newer version too. */
import { getOption } from '@bufbuild/protobuf'
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire'
import type { RecordName } from '../../record/record-id.js'
import type { Stream } from '../../record/record.js'
import { RecordSchema } from '../gen/absgd/v1/record_pb.js'
import { Stream as WireStream, stream as streamOption } from '../gen/absgd/v1/stream_pb.js'
import { fromIncarnation, fromUint64 } from './numbers.js'

/**
 * Undefined if the bytes are not a record with a name. The body is not checked.
 *
 * @param unknown - The stream of a record whose kind only a newer version knows: that of the log file which holds it
 */
export function decodeName(bytes: Uint8Array, unknown: Stream = 'steps'): RecordName | undefined {
  const reader = new BinaryReader(bytes)
  let origin = ''
  let incarnation: string | undefined
  let seq = 0
  let stream: Stream | undefined
  try {
    while (reader.pos < reader.len) {
      const [field, type] = reader.tag()
      if (field === ORIGIN && type === WireType.LengthDelimited) origin = reader.string()
      else if (field === INCARNATION && type === WireType.Bit64)
        incarnation = fromIncarnation(BigInt(reader.fixed64()))
      else if (field === SEQ && type === WireType.Varint)
        seq = fromUint64(BigInt(reader.uint64()), 'Record.seq')
      else {
        stream = STREAMS.get(field) ?? stream
        reader.skip(type, field)
      }
    }
  } catch {
    return undefined
  }
  return origin === '' || incarnation === undefined || seq === 0
    ? undefined
    : { origin, incarnation, stream: stream ?? unknown, seq }
}

const { origin, incarnation, seq } = RecordSchema.field
const ORIGIN = origin.number
const INCARNATION = incarnation.number
const SEQ = seq.number

/** The streams of the contract, by the field number of a record's body. */
const STREAMS: ReadonlyMap<number, Stream> = new Map(
  RecordSchema.oneofs[0]!.fields.map((field) => [
    field.number,
    getOption(field, streamOption) === WireStream.SAMPLES ? 'samples' : 'steps',
  ]),
)
