/** Reads a run: its logs, then the records that only the worker's spool has. It streams: a log may be larger than memory. */
import { nameOf } from '../record/record-id.js'
import type { LogRecord, Stream } from '../record/record.js'
import { openCursor, type Frame } from './files/frame-cursor.js'
import { runPaths } from './run-paths.js'
import { lockHolder } from './lock/run-lock.js'
import { emptyReport, noteEnd, readRecord, type OpenReport, type ReadReport } from './files/read-problems.js'
import { createSeen, type Seen } from './files/seen-records.js'
import { readSpoolRecords } from './files/worker-spool.js'

export type { Damage } from './files/frame-cursor.js'
export type { ReadReport } from './files/read-problems.js'

export interface ReadOptions {
  /**
   * The streams to read. All of "steps" comes before "samples", in any order of this list. Without "steps", the spools of several workers
   * are sorted by name.
   * @default both
   */
  readonly streams?: readonly Stream[]
  /** Whether to read the records that only the spool has. @default true */
  readonly spool?: boolean
}

export interface Reading extends AsyncGenerator<LogRecord, void, undefined> {
  /** Grows while reading; complete at the end. */
  readonly report: ReadReport
}

/**
 * The records of the run in `dir`. For each stream: the log in order, then the records of the spool that the log lacks, by incarnation
 * and sequence. Damage ends a file, not the reading: see `report`. A file that does not exist counts as empty.
 *
 * @throws Error of the file system; damage is reported, not thrown.
 */
export function readRun(dir: string, options: ReadOptions = {}): Reading {
  const report = emptyReport()
  return Object.assign(read(dir, options, report), { report })
}

/** All records of a run in memory: for small runs and tests. */
export async function readAll(
  dir: string,
  options: ReadOptions = {},
): Promise<ReadReport & { records: LogRecord[] }> {
  const reading = readRun(dir, options)
  const records: LogRecord[] = []
  for await (const record of reading) records.push(record)
  return { records, ...reading.report }
}

async function* read(
  dir: string,
  { streams = ['steps', 'samples'], spool = true }: ReadOptions,
  report: OpenReport,
): AsyncGenerator<LogRecord, void, undefined> {
  const seen = createSeen()
  const incarnations: string[] = []
  for (const stream of ['steps', 'samples'] as const) {
    if (!streams.includes(stream)) continue
    for await (const block of readLog(dir, stream, seen, report)) {
      for (const record of block) {
        if (record.body.type === 'worker-joined') incarnations.push(record.body.hello.incarnation)
        yield record
      }
    }
    if (!spool) continue
    for await (const record of readSpoolRecords(dir, { streams: [stream], incarnations }, report, seen)) {
      if (seen.add(nameOf(record))) yield record
    }
  }
}

async function* readLog(
  dir: string,
  stream: Stream,
  seen: Seen,
  report: OpenReport,
): AsyncGenerator<Iterable<LogRecord>> {
  // Checked before reading. A writer that ends meanwhile has completed its last frame.
  const writing = lockHolder(dir) !== undefined
  const cursor = openCursor(runPaths(dir)[stream], stream)

  function* newRecords(frames: Iterable<Frame>): Generator<LogRecord> {
    for (const frame of frames) {
      const record = readRecord(frame, cursor, report, seen)
      if (record === undefined) continue
      if (seen.add(nameOf(record))) yield record
      else report.duplicates += 1
    }
  }

  try {
    for await (const frames of cursor.blocks()) yield newRecords(frames)
    noteEnd(cursor, writing, report)
  } finally {
    await cursor.close()
  }
}
