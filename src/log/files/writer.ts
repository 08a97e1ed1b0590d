/** Appends records to the two logs of a run. The lock of the run ensures that there is one writer at a time. */
import { closeSync, fdatasync, fsyncSync, openSync } from 'node:fs'
import { promisify } from 'node:util'
import { AbsgdError } from '../../errors.js'
import type { Stream } from '../../record/record.js'
import { runPaths } from '../paths.js'
import { encodeFrame } from './frame.js'
import { createFrameWriter, type FrameWriter } from './frame-writer.js'
import { cutDamage, type Cut } from './repair.js'

export interface LogWriter {
  /** The unreadable ends that earlier writers left in the logs; they were moved into files beside them. */
  readonly cuts: readonly Cut[]
  /**
   * Queues a serialised record, which must not change any more. It is written at the end of the event loop's turn at the latest,
   * together with everything else that was appended in that turn.
   */
  append(stream: Stream, payload: Uint8Array): void
  /**
   * Writes what was appended now, so that other processes see it and it survives the end of this process.
   *
   * @throws AbsgdError 'log' when the disk refuses; what was appended is kept, and tried again by the next call.
   */
  flush(): void
  /** Resolves once everything appended before the call would survive a loss of power. Rejects with AbsgdError 'log', like `flush`. */
  sync(): Promise<void>
  /** Syncs and closes the files. May be called twice. */
  close(): Promise<void>
}

/**
 * Opens both logs of the run in `dir`, and creates those that do not exist.
 *
 * @param isLocked - Whether this controller still holds the lock of the run. It is called before every write and at every sync. When
 *   it returns false, another controller writes: nothing more is written, and every call throws AbsgdError 'run-directory'.
 * @throws AbsgdError 'log' when a file is no log, or of a newer format, or cannot be written.
 */
export function openLogWriter(dir: string, isLocked: () => boolean = () => true): LogWriter {
  requireLock()
  const paths = runPaths(dir)
  // Samples are written first: a record of steps must never be on disk before the samples that were appended ahead of it.
  const files = [openLogFile(paths.samples, 'samples'), openLogFile(paths.steps, 'steps')] as const
  const [samples, steps] = files
  syncDirectory(dir)
  let scheduled: NodeJS.Immediate | undefined
  let closing: Promise<void> | undefined

  function flush(): void {
    clearImmediate(scheduled)
    scheduled = undefined
    if (files.some((file) => file.hasWaiting())) requireLock()
    for (const file of files) file.write()
  }

  function requireLock(): void {
    if (isLocked()) return
    throw new AbsgdError('run-directory', `another controller has taken over the run in ${dir}`, {
      hint: 'this one writes nothing more; the records that its worker still spools are kept for the other controller',
    })
  }

  async function sync(): Promise<void> {
    requireLock()
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
          // Callers that need the record on disk call `flush` or `sync`, which throw the same error.
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
  const { fd, cut, frames } = openAtEnd(path, stream)
  let queue: Uint8Array[] = []
  let synced = 0
  let syncing: Promise<void> | undefined
  let broken: AbsgdError | undefined

  function write(): void {
    if (broken !== undefined) throw broken
    if (queue.length === 0) return
    const bytes = Buffer.concat(queue)
    try {
      frames.write(bytes)
    } catch (error) {
      queue = [bytes]
      const failure = writeError(path, error)
      if (frames.isBroken()) broken = failure
      throw failure
    }
    queue = []
  }

  async function syncOnce(): Promise<void> {
    const reached = frames.size()
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
      queue.push(...encodeFrame(payload))
    },
    hasWaiting: () => queue.length > 0,
    write,
    async sync() {
      const target = frames.size()
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

function openAtEnd(path: string, stream: Stream): { fd: number; cut: Cut | undefined; frames: FrameWriter } {
  let fd: number | undefined
  try {
    fd = openSync(path, 'a+', 0o600)
    const cut = cutDamage(fd, path, stream)
    return { fd, cut, frames: createFrameWriter(fd, stream) }
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

/** Syncs the directory, so that the names of the files survive a loss of power. Some file systems cannot do this. */
function syncDirectory(dir: string): void {
  const fd = openSync(dir, 'r')
  try {
    fsyncSync(fd)
  } catch {
    // The file system cannot sync a directory.
  } finally {
    closeSync(fd)
  }
}

const datasync = promisify(fdatasync)
