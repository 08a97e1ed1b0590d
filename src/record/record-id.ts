/** What tells the entries of a log from each other. */
import { streamOf, type LogRecord, type Stream } from './record.js'

/** Which entry of a log a record is, whatever it holds. */
export interface RecordName {
  readonly origin: string
  readonly incarnation: string
  readonly stream: Stream
  readonly seq: number
}

export function nameOf({ origin, incarnation, seq, body }: LogRecord): RecordName {
  return { origin, incarnation, stream: streamOf(body), seq }
}
