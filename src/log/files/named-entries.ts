/** Reads every entry of a log with its id, whether or not this version can decode its body. Used when a controller continues a run. */
import { AbsgdError } from '../../errors.js'
import type { RecordName } from '../../record/record-id.js'
import type { Body, Stream } from '../../record/record.js'
import { decodeName, decodeRecord } from '../../wire/codec.js'
import { openCursor, type Cursor } from './frame-cursor.js'
import { runPaths } from '../run-paths.js'

export interface Entry {
  readonly name: RecordName
  /** Undefined for a kind of a newer version, and for a record that violates the contract. */
  readonly body: Body | undefined
  /** The serialised record. Valid until the next entry is requested: copy it to keep it. */
  readonly bytes: Uint8Array
}

/** The entries of the run's log of the stream "steps", up to damage. */
export function readStepEntries(dir: string): AsyncGenerator<Entry> {
  return entriesOf(openCursor(runPaths(dir).steps, 'steps'))
}

/** The ids of the entries of a log, up to damage. Bodies are not decoded, because there are many samples. */
export async function* readNames(dir: string, stream: Stream): AsyncGenerator<RecordName> {
  const cursor = openCursor(runPaths(dir)[stream], stream)
  try {
    for await (const frames of cursor.blocks()) {
      for (const { payload } of frames) {
        const name = decodeName(payload, stream)
        if (name !== undefined) yield name
      }
    }
  } finally {
    await cursor.close()
  }
}

/** Closes the cursor at the end. */
export async function* entriesOf(cursor: Cursor): AsyncGenerator<Entry> {
  try {
    for await (const frames of cursor.blocks()) {
      for (const { payload } of frames) {
        const name = decodeName(payload, cursor.stream)
        if (name !== undefined) yield { name, body: bodyOf(payload), bytes: payload }
      }
    }
  } finally {
    await cursor.close()
  }
}

function bodyOf(payload: Uint8Array): Body | undefined {
  try {
    return decodeRecord(payload)?.body
  } catch (error) {
    if (error instanceof AbsgdError) return undefined
    throw error
  }
}
