/** What a controller makes of the bytes that arrive, whatever brought them. */
import { AbsgdError } from '../errors.js'
import type { Incoming, PeerId } from './channel.js'
import { decodeRecord, decodeToController } from './codec.js'

export function takeControl(peer: PeerId, bytes: Uint8Array): Incoming {
  try {
    return { type: 'control', peer, message: decodeToController(bytes) }
  } catch (error) {
    return { type: 'malformed', peer, reason: reasonOf(error) }
  }
}

/** @param bytes - Kept as it is: the sender must not change it any more. */
export function takeTelemetry(bytes: Uint8Array): Incoming {
  try {
    const record = decodeRecord(bytes)
    if (record === undefined)
      return { type: 'malformed', reason: 'a record of a kind that this version does not know' }
    return { type: 'telemetry', record, bytes }
  } catch (error) {
    return { type: 'malformed', reason: reasonOf(error) }
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof AbsgdError) return error.message
  throw error
}
