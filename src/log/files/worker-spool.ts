/**
 * Reads a worker's spool: log segments that it writes before it sends the records, and deletes once they are acknowledged. Without a
 * controller they are the log.
 */
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { RecordName } from '../../record/record-id.js'
import type { LogRecord, Stream } from '../../record/record.js'
import { openCursor } from './frame-cursor.js'
import { entriesOf, type Entry } from './named-entries.js'
import { runPaths } from '../run-paths.js'
import { lockHolder } from '../lock/run-lock.js'
import { noteEnd, readRecord, type OpenReport } from './read-problems.js'
import type { Seen } from './seen-records.js'

export interface Segment {
  readonly path: string
  /** 16 hex digits. */
  readonly incarnation: string
  readonly stream: Stream
  readonly firstSeq: number
}

export interface SpoolOptions {
  /** @default both, steps first */
  readonly streams?: readonly Stream[]
  /** Incarnations in the order in which they joined; others come after them. */
  readonly incarnations?: readonly string[]
}

/**
 * All entries of the spool of the run in `dir`, also those that the log has, sorted by stream, incarnation and sequence. Damage ends a
 * segment, not the reading. `bytes` stays valid.
 */
export async function* readSpool(dir: string, options: SpoolOptions = {}): AsyncGenerator<Entry> {
  for (const { path, stream } of listSegments(dir, options)) {
    for await (const entry of entriesOf(openCursor(path, stream))) {
      yield { ...entry, bytes: new Uint8Array(entry.bytes) }
    }
  }
}

/** The records of the spool, without those in `seen`. Problems are added to `report`. */
export async function* readSpoolRecords(
  dir: string,
  options: SpoolOptions,
  report: OpenReport,
  seen: Seen,
): AsyncGenerator<LogRecord> {
  const writing = lockHolder(dir) !== undefined
  for (const segment of listSegments(dir, options)) {
    yield* readSegment(segment, writing, report, seen)
  }
}

/**
 * Deletes the segments whose records are all in the log. A segment of a worker that never joined, or that cannot be read to its end,
 * stays. An incomplete record at the end of a segment does not count.
 *
 * @param isLogged - Whether the log has the record.
 */
export async function removeSpool(dir: string, isLogged: (name: RecordName) => boolean): Promise<void> {
  for (const { path, stream } of listSegments(dir)) {
    const cursor = openCursor(path, stream)
    let whole = true
    for await (const { name } of entriesOf(cursor)) whole &&= isLogged(name)
    if (whole && cursor.damage() === undefined) rmSync(path, { force: true })
  }
}

export function listSegments(
  dir: string,
  { streams = STREAMS, incarnations = [] }: SpoolOptions = {},
): Segment[] {
  const { spool } = runPaths(dir)
  const rank = (incarnation: string) =>
    (incarnations.indexOf(incarnation) + incarnations.length + 1) % (incarnations.length + 1)
  return namesIn(spool)
    .flatMap((name) => parseName(spool, name) ?? [])
    .filter(({ stream }) => streams.includes(stream))
    .sort(
      (a, b) =>
        STREAMS.indexOf(a.stream) - STREAMS.indexOf(b.stream) ||
        rank(a.incarnation) - rank(b.incarnation) ||
        compare(a.incarnation, b.incarnation) ||
        a.firstSeq - b.firstSeq,
    )
}

async function* readSegment(
  { path, stream }: Segment,
  writing: boolean,
  report: OpenReport,
  seen: Seen,
): AsyncGenerator<LogRecord> {
  const cursor = openCursor(path, stream)
  try {
    for await (const frames of cursor.blocks()) {
      for (const frame of frames) {
        const record = readRecord(frame, cursor, report, seen)
        if (record !== undefined) yield record
      }
    }
    noteEnd(cursor, writing, report)
  } finally {
    await cursor.close()
  }
}

function parseName(spool: string, name: string): Segment | undefined {
  const [, incarnation, stream, firstSeq] = SEGMENT_NAME.exec(name) ?? []
  if (incarnation === undefined || firstSeq === undefined) return undefined
  return { path: join(spool, name), incarnation, stream: stream as Stream, firstSeq: Number(firstSeq) }
}

/** The names in a directory; none if it does not exist. */
export function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

const STREAMS: readonly Stream[] = ['steps', 'samples']
const SEGMENT_NAME = /^([0-9a-f]{16})\.(steps|samples)\.(\d{12})\.log$/
