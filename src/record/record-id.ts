/** The key that identifies an entry of a log. */
import { streamOf, type LogRecord, type Stream } from './record.js'

/** (origin, incarnation, stream, seq): unique for each entry of a log. */
export interface RecordName {
  readonly origin: string
  readonly incarnation: string
  readonly stream: Stream
  readonly seq: number
}

export function nameOf({ origin, incarnation, seq, body }: LogRecord): RecordName {
  return { origin, incarnation, stream: streamOf(body), seq }
}
