/** A record's name, read without its body: it holds for kinds of a newer version, and costs next to nothing. */
import { getOption } from '@bufbuild/protobuf'
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire'
import type { RecordName } from '../../record/record-id.js'
import type { Stream } from '../../record/record.js'
import { RecordSchema } from '../gen/absgd/v1/record_pb.js'
import { Stream as WireStream, stream as streamOption } from '../gen/absgd/v1/stream_pb.js'
import { fromIncarnation, fromUint64 } from './numbers.js'

/**
 * Undefined when the bytes do not name a record; what they hold besides is not looked at.
 *
 * @param unknown - The stream of a kind that a newer version wrote: that of the log file in which the record stands.
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

/** By the number of the field that is a record's body, as the contract says. */
const STREAMS: ReadonlyMap<number, Stream> = new Map(
  RecordSchema.oneofs[0]!.fields.map((field) => [
    field.number,
    getOption(field, streamOption) === WireStream.SAMPLES ? 'samples' : 'steps',
  ]),
)
