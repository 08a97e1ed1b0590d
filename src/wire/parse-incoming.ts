/** Decodes the bytes that a controller receives, over any transport. Bytes that cannot be decoded become an event as well. */
import { AbsgdError } from '../errors.js'
import type { Incoming, PeerId } from './channel.js'
import { decodeName, decodeRecord, decodeToController } from './codec.js'

export function parseControl(peer: PeerId, bytes: Uint8Array): Incoming {
  try {
    return { type: 'control', peer, message: decodeToController(bytes) }
  } catch (error) {
    return { type: 'malformed', peer, reason: reasonOf(error) }
  }
}

/** @param bytes - Kept without a copy: the caller must not change them afterwards */
export function parseTelemetry(bytes: Uint8Array): Incoming {
  try {
    const record = decodeRecord(bytes)
    return record === undefined ? unread(bytes) : { type: 'telemetry', record, bytes }
  } catch (error) {
    return unread(bytes, reasonOf(error))
  }
}

function unread(bytes: Uint8Array, reason?: string): Incoming {
  const name = decodeName(bytes)
  if (name === undefined) return { type: 'malformed', reason: reason ?? 'a record without a name' }
  return { type: 'unread', name, bytes, ...(reason === undefined ? {} : { reason }) }
}

function reasonOf(error: unknown): string {
  if (error instanceof AbsgdError) return error.message
  throw error
}
