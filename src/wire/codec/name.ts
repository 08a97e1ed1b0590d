/** A record's name, read without its body: it holds for kinds of a newer version, and costs next to nothing. */
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire'
import type { RecordName } from '../../record/name.js'
import type { Stream } from '../../record/record.js'
import { RecordSchema } from '../gen/absgd/v1/record_pb.js'
import { fromIncarnation, fromUint64 } from './numbers.js'

/** Undefined when the bytes do not name a record; what they hold besides is not looked at. */
export function decodeName(bytes: Uint8Array): RecordName | undefined {
  const reader = new BinaryReader(bytes)
  let origin = ''
  let incarnation: string | undefined
  let seq = 0
  let stream: Stream = 'steps'
  try {
    while (reader.pos < reader.len) {
      const [field, type] = reader.tag()
      if (field === ORIGIN && type === WireType.LengthDelimited) origin = reader.string()
      else if (field === INCARNATION && type === WireType.Bit64)
        incarnation = fromIncarnation(BigInt(reader.fixed64()))
      else if (field === SEQ && type === WireType.Varint)
        seq = fromUint64(BigInt(reader.uint64()), 'Record.seq')
      else {
        if (SAMPLES.has(field)) stream = 'samples'
        reader.skip(type, field)
      }
    }
  } catch {
    return undefined
  }
  return origin === '' || incarnation === undefined || seq === 0
    ? undefined
    : { origin, incarnation, stream, seq }
}

const { origin, incarnation, seq, sampleBatch, sampleInfo } = RecordSchema.field
const ORIGIN = origin.number
const INCARNATION = incarnation.number
const SEQ = seq.number
/** Everything else, kinds of a newer version included, is of the stream "steps". */
const SAMPLES: ReadonlySet<number> = new Set([sampleBatch.number, sampleInfo.number])
