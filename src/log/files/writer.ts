/** Appends records to the logs of a run. One writer at a time: the run's lock sees to it. */
import { closeSync, fdatasync, fsyncSync, fstatSync, ftruncateSync, openSync, writeSync } from 'node:fs'
import { promisify } from 'node:util'
import { AbsgdError } from '../../errors.js'
import type { Stream } from '../../record/record.js'
import { VERSION } from '../../version.js'
import { runPaths } from '../paths.js'
import { encodeFramePrefix, encodeHeader } from './frame.js'
import { cutDamage, type Cut } from './repair.js'

export interface LogWriter {
  /** What an earlier writer left unreadable at the end of a log; moved aside. */
  readonly cuts: readonly Cut[]
  /**
   * Takes a serialised record, which must not change any more. Written at the latest at the end of the event loop's turn,
   * with everything else that was appended in it.
   */
  append(stream: Stream, payload: Uint8Array): void
  /**
   * Writes what was appended, now: other processes see it, and it outlives this one.
   *
   * @throws AbsgdError 'log' when the disk refuses; what was appended is kept, and tried again by the next call.
   */
  flush(): void
  /** Resolves once everything appended before the call outlives a loss of power. Rejects with AbsgdError 'log' as `flush`. */
  sync(): Promise<void>
  /** Syncs and lets go of the files. May be called twice. */
  close(): Promise<void>
}

/**
 * Opens both logs of the run in `dir`, and begins those that do not exist.
 *
 * @param isHeld - Asked before everything that is written and at every sync; false when another controller writes now. Nothing is
 *   written from then on: every call throws AbsgdError 'run-directory'.
 * @throws AbsgdError 'log' when a file is no log, or of a newer format, or cannot be written.
 */
export function openLogWriter(dir: string, isHeld: () => boolean = () => true): LogWriter {
  requireHeld()
  const paths = runPaths(dir)
  // Samples first: a record of steps is never on disk before the samples that were appended ahead of it.
  const files = [openLogFile(paths.samples, 'samples'), openLogFile(paths.steps, 'steps')] as const
  const [samples, steps] = files
  syncDirectory(dir)
  let scheduled: NodeJS.Immediate | undefined
  let closing: Promise<void> | undefined

  function flush(): void {
    clearImmediate(scheduled)
    scheduled = undefined
    if (files.some((file) => file.hasWaiting())) requireHeld()
    for (const file of files) file.write()
  }

  function requireHeld(): void {
    if (isHeld()) return
    throw new AbsgdError('run-directory', `another controller has taken over the run in ${dir}`, {
      hint: 'this one writes nothing more; what its worker still spools is there for the other',
    })
  }

  async function sync(): Promise<void> {
    requireHeld()
    flush()
    for (const file of files) await file.sync()
  }

  return {
    cuts: files.flatMap(({ cut }) => cut ?? []),
    append(stream, payload) {
      ;(stream === 'samples' ? samples : steps).append(payload)
      scheduled ??= setImmediate(() => {
        try {
          flush()
        } catch {
          // Whoever needs the record on disk calls `flush` or `sync`, and is told there.
        }
      })
    },
    flush,
    sync,
    close() {
      closing ??= sync().finally(() => {
        clearImmediate(scheduled)
        for (const file of files) file.close()
      })
      return closing
    },
  }
}

interface LogFile {
  readonly cut: Cut | undefined
  append(payload: Uint8Array): void
  hasWaiting(): boolean
  write(): void
  sync(): Promise<void>
  close(): void
}

function openLogFile(path: string, stream: Stream): LogFile {
  const { fd, cut } = openAtEnd(path, stream)
  let size = fstatSync(fd).size
  let queue: Uint8Array[] = []
  let synced = 0
  let syncing: Promise<void> | undefined
  let broken: AbsgdError | undefined

  function write(): void {
    if (broken !== undefined) throw broken
    if (queue.length === 0) return
    const bytes = Buffer.concat(queue)
    try {
      for (let written = 0; written < bytes.length;) written += writeSync(fd, bytes, written)
    } catch (error) {
      queue = [bytes]
      takeBack()
      throw writeError(path, error)
    }
    queue = []
    size += bytes.length
  }

  /** A part of a failed write may be there; behind it nothing could ever be read. */
  function takeBack(): void {
    try {
      ftruncateSync(fd, size)
    } catch (error) {
      broken = writeError(path, error)
    }
  }

  async function syncOnce(): Promise<void> {
    const reached = size
    try {
      await datasync(fd)
      synced = reached
    } catch (error) {
      // The kernel may have dropped the pages: a second attempt that succeeds would prove nothing.
      broken = writeError(path, error)
      throw broken
    } finally {
      syncing = undefined
    }
  }

  return {
    cut,
    append(payload) {
      if (broken !== undefined) return
      queue.push(encodeFramePrefix(payload), payload)
    },
    hasWaiting: () => queue.length > 0,
    write,
    async sync() {
      const target = size
      while (synced < target) {
        if (broken !== undefined) throw broken
        await (syncing ??= syncOnce())
      }
    },
    close() {
      broken ??= new AbsgdError('log', `${path} is closed`)
      queue = []
      closeSync(fd)
    },
  }
}

function openAtEnd(path: string, stream: Stream): { fd: number; cut: Cut | undefined } {
  let fd: number | undefined
  try {
    fd = openSync(path, 'a+', 0o600)
    const cut = cutDamage(fd, path, stream)
    if (fstatSync(fd).size === 0) writeSync(fd, encodeHeader(stream, VERSION))
    return { fd, cut }
  } catch (error) {
    if (fd !== undefined) closeSync(fd)
    throw error instanceof AbsgdError ? error : writeError(path, error)
  }
}

function writeError(path: string, cause: unknown): AbsgdError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new AbsgdError('log', `cannot write ${path}: ${reason}`, {
    hint: 'make room on the disk, or check its permissions',
    cause,
  })
}

/** So that the files' names outlive a loss of power too. Not every file system lets a directory be synced. */
function syncDirectory(dir: string): void {
  const fd = openSync(dir, 'r')
  try {
    fsyncSync(fd)
  } catch {
    // Then it has to do without.
  } finally {
    closeSync(fd)
  }
}

const datasync = promisify(fdatasync)
