/**
 * The lock of a run directory: a run has at most one controller. A lock whose process has ended is replaced. A lock of another machine or
 * container cannot be checked, and is respected until the user asks for a take-over.
 */
import { randomUUID } from 'node:crypto'
import { linkSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import { AbsgdError } from '../../errors.js'
import { runPaths } from '../run-paths.js'
import { identityOf, livenessOf, type ProcessIdentity } from '../../process/identity.js'
import { holderInWords, type LockHolder } from './lock-holder.js'

export type { LockHolder } from './lock-holder.js'

export interface RunLock {
  /** The holder that could not be checked, if the lock was taken over from it. */
  readonly takenFrom: LockHolder | undefined
  /** False if another controller has taken over the lock. A lock file that was deleted by hand is written again. */
  isHeld(): boolean
  /** May be called twice. */
  release(): void
}

export interface LockOptions {
  /** Also take the lock from a holder that cannot be checked from here. @default false */
  readonly takeOver?: boolean
}

/**
 * Acquires the lock of the run in `dir`.
 *
 * @throws AbsgdError 'run-directory' when a living process has it, or a process that cannot be checked from here.
 */
export function acquireLock(dir: string, { takeOver = false }: LockOptions = {}): RunLock {
  const path = runPaths(dir).lock
  const taken = acquireFile(path, takeOver)
  if ('token' in taken) {
    const { token, takenFrom } = taken
    let isReleased = false
    return {
      takenFrom,
      isHeld: () => !isReleased && isOwnOrMissing(path, token),
      release() {
        isReleased = true
        releaseToken(path, token)
      },
    }
  }
  const { holder } = taken
  if (holder.isElsewhere) throw heldElsewhere(basename(dir), holder)
  throw new AbsgdError(
    'run-directory',
    `the run in ${dir} is driven by another controller (pid ${holder.pid})`,
    {
      hint: 'follow it, or stop it first with "absgd stop"',
    },
  )
}

/** The process that has the lock, if it is alive or cannot be checked from here; else undefined. */
export function lockHolder(dir: string): LockHolder | undefined {
  const token = readToken(runPaths(dir).lock)
  return token === undefined ? undefined : holderOf(token)
}

/** The error for a run whose lock belongs to a process that cannot be checked from here. */
export function heldElsewhere(run: string, holder: LockHolder): AbsgdError {
  return new AbsgdError('run-directory', `the run "${run}" is held elsewhere: ${holderInWords(holder)}`, {
    hint: `stop it there, with "absgd stop ${run}"; only where it has certainly ended: absgd resume ${run} --take-over`,
  })
}

/** The content of a lock file: the process that has the lock. */
interface Token extends ProcessIdentity {
  /** Unique id of this lock. */
  readonly id: string
  readonly since?: string
}

type Taken =
  { readonly token: Token; readonly takenFrom: LockHolder | undefined } | { readonly holder: LockHolder }

/**
 * Several processes may find the same stale lock. Only the process that has a second lock, named after the stale one, may replace it. The
 * second lock may be stale as well, and is then acquired in the same way.
 */
function acquireFile(path: string, takeOver: boolean): Taken {
  for (;;) {
    const token: Token = { ...identityOf(process.pid), id: randomUUID(), since: new Date().toISOString() }
    if (place(path, token, linkSync)) return { token, takenFrom: undefined }
    const before = readToken(path)
    if (before === undefined) continue
    const holder = holderOf(before)
    if (holder !== undefined && !(holder.isElsewhere && takeOver)) return { holder }
    const successionPath = `${path}.${before.id}`
    const succession = acquireFile(successionPath, takeOver)
    if ('holder' in succession) return succession
    try {
      if (readToken(path)?.id === before.id && place(path, token, renameSync))
        return { token, takenFrom: holder }
    } finally {
      releaseToken(successionPath, succession.token)
    }
  }
}

/** Undefined if the process has ended. */
function holderOf({ id: _id, ...identity }: Token): LockHolder | undefined {
  const liveness = livenessOf(identity)
  return liveness === 'gone' ? undefined : { ...identity, isElsewhere: liveness === 'unknown' }
}

/** Writes a complete file to `path` atomically, so that no process reads an incomplete lock. */
function place(path: string, token: Token, move: (from: string, to: string) => void): boolean {
  const draft = `${path}.${token.id}.draft`
  writeFileSync(draft, JSON.stringify(token), { mode: 0o600, flag: 'wx' })
  try {
    move(draft, path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  } finally {
    rmSync(draft, { force: true })
  }
}

function isOwnOrMissing(path: string, token: Token): boolean {
  try {
    const found = readToken(path)
    if (found !== undefined) return found.id === token.id || found.id === DAMAGED
    return place(path, token, linkSync) || readToken(path)?.id === token.id
  } catch (error) {
    // The directory was removed, so that no other process can have the lock.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return true
    throw error
  }
}

function releaseToken(path: string, { id }: Token): void {
  if (readToken(path)?.id === id) unlinkSync(path)
}

/**
 * Undefined if there is no file. A lock is written atomically, so that a file without a valid lock is the result of a crash of the file
 * system. It counts as a lock without a holder, and is replaced.
 */
function readToken(path: string): Token | undefined {
  let text
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  try {
    const token = JSON.parse(text) as Partial<Token>
    if (typeof token.pid === 'number' && /^[0-9a-f-]{36}$/.test(token.id ?? ''))
      return { pid: token.pid, bootId: '', processStart: '', id: '', ...token }
  } catch {
    // The file is damaged; the result below says so.
  }
  return { ...identityOf(0), id: DAMAGED }
}

const DAMAGED = 'damaged'
