/**
 * The lock of a run directory: one controller a run. A lock whose process is gone is taken over; one that cannot be judged from
 * here, of another machine or container, is held until somebody says that it is not.
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
  /** The holder that could not be judged, and from whom the lock was taken all the same. */
  readonly takenFrom: LockHolder | undefined
  /** Whether the lock names nobody else: another controller may have taken it over. One that was deleted by hand is put back. */
  isHeld(): boolean
  /** May be called twice. */
  release(): void
}

export interface LockOptions {
  /** Take the lock also of a holder that cannot be judged from here. @default false */
  readonly takeOver?: boolean
}

/**
 * Takes the lock of the run in `dir`.
 *
 * @throws AbsgdError 'run-directory' when a living process holds it, or one that cannot be judged from here.
 */
export function acquireLock(dir: string, { takeOver = false }: LockOptions = {}): RunLock {
  const path = runPaths(dir).lock
  const taken = take(path, takeOver)
  if ('token' in taken) {
    const { token, takenFrom } = taken
    let isReleased = false
    return {
      takenFrom,
      isHeld: () => !isReleased && namesNobodyElse(path, token),
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

/** The process that holds the lock, alive or not to be judged from here; undefined when nobody does. */
export function lockHolder(dir: string): LockHolder | undefined {
  const token = readToken(runPaths(dir).lock)
  return token === undefined ? undefined : holderOf(token)
}

/** That a run is held where nothing can be looked at from here. */
export function heldElsewhere(run: string, holder: LockHolder): AbsgdError {
  return new AbsgdError('run-directory', `the run "${run}" is held elsewhere: ${holderInWords(holder)}`, {
    hint: `stop it there, with "absgd stop ${run}"; only where it has certainly ended: absgd resume ${run} --take-over`,
  })
}

/** Who holds a lock. */
interface Token extends ProcessIdentity {
  /** Of this very lock. */
  readonly id: string
  readonly since?: string
}

type Taken =
  { readonly token: Token; readonly takenFrom: LockHolder | undefined } | { readonly holder: LockHolder }

/**
 * Several processes may find the same stale lock. Only who holds the lock that is named after it may replace it; that one may
 * be stale as well, and is then taken in the same way.
 */
function take(path: string, takeOver: boolean): Taken {
  for (;;) {
    const token: Token = { ...identityOf(process.pid), id: randomUUID(), since: new Date().toISOString() }
    if (place(path, token, linkSync)) return { token, takenFrom: undefined }
    const before = readToken(path)
    if (before === undefined) continue
    const holder = holderOf(before)
    if (holder !== undefined && !(holder.isElsewhere && takeOver)) return { holder }
    const successionPath = `${path}.${before.id}`
    const succession = take(successionPath, takeOver)
    if ('holder' in succession) return succession
    try {
      if (readToken(path)?.id === before.id && place(path, token, renameSync))
        return { token, takenFrom: holder }
    } finally {
      releaseToken(successionPath, succession.token)
    }
  }
}

/** Undefined where the process is gone. */
function holderOf({ id: _id, ...identity }: Token): LockHolder | undefined {
  const liveness = livenessOf(identity)
  return liveness === 'gone' ? undefined : { ...identity, isElsewhere: liveness === 'unknown' }
}

/** Puts a complete file at `path` in one move, so that nobody ever reads half a lock. */
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

function namesNobodyElse(path: string, token: Token): boolean {
  try {
    const found = readToken(path)
    if (found !== undefined) return found.id === token.id || found.id === DAMAGED
    return place(path, token, linkSync) || readToken(path)?.id === token.id
  } catch (error) {
    // The directory is gone, and with it whoever could write there.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return true
    throw error
  }
}

function releaseToken(path: string, { id }: Token): void {
  if (readToken(path)?.id === id) unlinkSync(path)
}

/**
 * Undefined when there is no file. A lock is put there whole, so that text which is none is what a crash of the file system left:
 * it counts as one of nobody, and is replaced.
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
    // Damaged, as below.
  }
  return { ...identityOf(0), id: DAMAGED }
}

const DAMAGED = 'damaged'
