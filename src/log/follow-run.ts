/** Follows a run: returns all records so far, then those that are appended, until the run has ended. */
import { setTimeout as sleep } from 'node:timers/promises'
import { nameOf } from '../record/record-id.js'
import type { LogRecord, Stream } from '../record/record.js'
import { openCursor, type Cursor, type Frame } from './files/frame-cursor.js'
import { runPaths } from './run-paths.js'
import { lockHolder } from './lock/run-lock.js'
import { emptyReport, readRecord } from './files/read-problems.js'
import { createSeen } from './files/seen-records.js'
import { readSpoolRecords } from './files/worker-spool.js'

export interface TailOptions {
  /** Ends the iteration, without an error. */
  readonly signal?: AbortSignal
  /** @default both. Each stream is in order; the two streams are interleaved. */
  readonly streams?: readonly Stream[]
}

/**
 * The records of the run in `dir`, while they are written. It ends after the end of the run, or when no controller drives the run and no
 * new records arrive; then the records that only the worker's spool has are returned. If the run is continued after its end, so is
 * the iteration. It waits for files that do not exist yet; without a controller, for ten seconds.
 *
 * Files are polled, because the notifications of some file systems are late or missing. A poll costs two `fstat`.
 */
export async function* tailRun(
  dir: string,
  options: TailOptions = {},
): AsyncGenerator<LogRecord, void, undefined> {
  for await (const block of tailRunInBlocks(dir, options)) {
    for (const record of block) {
      yield record
      if (options.signal?.aborted) return
    }
  }
}

/**
 * Like `tailRun`, in blocks of one read each. Read each block to its end before the next is requested. An empty block means that all
 * records so far were returned.
 */
export async function* tailRunInBlocks(
  dir: string,
  options: TailOptions = {},
): AsyncGenerator<Iterable<LogRecord>, void, undefined> {
  const { signal } = options
  // Samples are read after steps. The writer writes them first, so that all samples before the end of the run are on disk.
  const streams = (['steps', 'samples'] as const).filter(
    (stream) => options.streams?.includes(stream) ?? true,
  )
  const cursors = streams.map((stream) => openCursor(runPaths(dir)[stream], stream))
  const report = emptyReport()
  const seen = createSeen()
  const patience = performance.now() + START_LIMIT_MS
  const run: Lifecycle = { controllerPid: undefined, ended: false, incarnations: [] }

  function* newRecords(cursor: Cursor, frames: Iterable<Frame>): Generator<LogRecord> {
    for (const frame of frames) {
      const record = readRecord(frame, cursor, report, seen)
      if (record === undefined || !seen.add(nameOf(record))) continue
      follow(run, record)
      yield record
    }
  }

  try {
    for (;;) {
      const holder = lockHolder(dir)
      let news = false
      for (const cursor of cursors) {
        for await (const frames of cursor.blocks()) {
          news = true
          yield newRecords(cursor, frames)
          if (signal?.aborted) return
        }
      }
      // Another controller than the one that ended the run is about to take it up again.
      if (run.ended && (holder === undefined || holder.pid === run.controllerPid)) break
      const begun = cursors.some((cursor) => cursor.offset() > 0 || cursor.damage() !== undefined)
      if (holder === undefined && !news && (begun || performance.now() > patience)) break
      yield []
      await sleep(POLL_MS, undefined, signal === undefined ? {} : { signal }).catch(() => undefined)
      if (signal?.aborted) return
    }
    const { incarnations } = run
    for await (const record of readSpoolRecords(dir, { streams, incarnations }, report, seen)) {
      if (signal?.aborted) return
      if (seen.add(nameOf(record))) yield [record]
    }
  } finally {
    for (const cursor of cursors) await cursor.close()
  }
}

interface Lifecycle {
  /** Incarnation of the controller that appended last. */
  controllerPid: number | undefined
  ended: boolean
  readonly incarnations: string[]
}

function follow(run: Lifecycle, { body }: LogRecord): void {
  if (body.type === 'controller-started') {
    run.controllerPid = body.pid
    run.ended = false
  }
  if (body.type === 'run-ended') run.ended = true
  if (body.type === 'worker-joined') run.incarnations.push(body.hello.incarnation)
}

const POLL_MS = 100
/** Milliseconds. A controller that has just started may not have its lock yet. */
const START_LIMIT_MS = 10_000
