/** What a controller that takes up a run goes through: every entry by name, whether or not this version can read it. */
import { AbsgdError } from '../../errors.js'
import type { RecordName } from '../../record/record-id.js'
import type { Body, Stream } from '../../record/record.js'
import { decodeName, decodeRecord } from '../../wire/codec.js'
import { openCursor, type Cursor } from './frame-cursor.js'
import { runPaths } from '../run-paths.js'

export interface Entry {
  readonly name: RecordName
  /** Undefined for a kind that a newer version wrote, and for what breaks the contract. */
  readonly body: Body | undefined
  /** The record as it was written. Valid until the next entry is asked for: copy what is to be kept. */
  readonly bytes: Uint8Array
}

/** The readable entries of the run's log of the stream "steps". */
export function readStepEntries(dir: string): AsyncGenerator<Entry> {
  return entriesOf(openCursor(runPaths(dir).steps, 'steps'))
}

/** The names of the readable entries of a log. Their bodies are not decoded: of samples there are many. */
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
