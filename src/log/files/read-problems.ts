/** Collects the problems of a reader: damage, unknown records, duplicates. */
import { AbsgdError } from '../../errors.js'
import type { LogRecord } from '../../record/record.js'
import { decodeName, decodeRecord } from '../../wire/codec.js'
import type { Cursor, Damage, Frame } from './frame-cursor.js'
import type { Seen } from './seen-records.js'

export interface ReadReport {
  /** In the order in which it was found. Everything before a damage is read. */
  readonly damage: readonly Damage[]
  /** Number of skipped records of kinds that a newer version wrote. */
  readonly unknown: number
  /** Number of records that were found twice; only the first was returned. */
  readonly duplicates: number
}

export interface OpenReport extends ReadReport {
  damage: Damage[]
  unknown: number
  duplicates: number
}

export function emptyReport(): OpenReport {
  return { damage: [], unknown: 0, duplicates: 0 }
}

/** The record of a frame. Undefined if this version cannot read it; this is reported, unless the record was seen before. */
export function readRecord(
  { payload, offset }: Frame,
  { path, stream }: Pick<Cursor, 'path' | 'stream'>,
  report: OpenReport,
  seen: Seen,
): LogRecord | undefined {
  const isNew = () => {
    const name = decodeName(payload, stream)
    return name === undefined || seen.add(name)
  }
  try {
    const record = decodeRecord(payload)
    if (record === undefined && isNew()) report.unknown += 1
    return record
  } catch (error) {
    if (!(error instanceof AbsgdError)) throw error
    if (isNew()) report.damage.push({ file: path, offset, reason: 'record', message: error.message })
    return undefined
  }
}

/** Reports why reading stopped. @param writing - Whether a writer may still complete the last frame. */
export function noteEnd(cursor: Cursor, writing: boolean, report: OpenReport): void {
  const damage = cursor.damage()
  if (damage !== undefined) report.damage.push(damage)
  else if (cursor.rest() > 0 && !writing) {
    const message = `the last frame is incomplete: ${cursor.rest()} bytes`
    report.damage.push({ file: cursor.path, offset: cursor.offset(), reason: 'torn', message })
  }
}
