/** The lock of a run directory: one controller a run, and none where its process is gone. */
import { randomUUID } from 'node:crypto'
import { linkSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { AbsgdError } from '../errors.js'
import { runPaths } from './paths.js'
import { identityOf, isRunning, type ProcessIdentity } from '../process-identity.js'

export interface RunLock {
  /** May be called twice. */
  release(): void
}

/**
 * Takes the lock of the run in `dir`. One that a dead process or an earlier boot of the machine left behind is taken over.
 *
 * @throws AbsgdError 'run-directory' when a living process holds it.
 */
export function acquireLock(dir: string): RunLock {
  const path = runPaths(dir).lock
  const token = take(path)
  if (token === undefined) {
    const pid = readToken(path)?.pid
    throw new AbsgdError(
      'run-directory',
      `the run in ${dir} is driven by another controller${pid === undefined ? '' : ` (pid ${pid})`}`,
      {
        hint: 'follow it, or stop it first with "absgd stop"',
      },
    )
  }
  return { release: () => releaseToken(path, token) }
}

/** The living process that holds the lock; undefined when nobody does. */
export function lockHolder(dir: string): ProcessIdentity | undefined {
  const token = readToken(runPaths(dir).lock)
  return token !== undefined && isRunning(token) ? token : undefined
}

/** Who holds a lock. */
interface Token extends ProcessIdentity {
  /** Of this very lock. */
  readonly id: string
}

/**
 * Several processes may find the same stale lock. Only who holds the lock that is named after it may replace it; that one may
 * be stale as well, and is then taken in the same way.
 */
function take(path: string): Token | undefined {
  for (;;) {
    const token: Token = { ...identityOf(process.pid), id: randomUUID() }
    if (place(path, token, linkSync)) return token
    const holder = readToken(path)
    if (holder === undefined) continue
    if (isRunning(holder)) return undefined
    const successionPath = `${path}.${holder.id}`
    const succession = take(successionPath)
    if (succession === undefined) return undefined
    try {
      if (readToken(path)?.id === holder.id && place(path, token, renameSync)) return token
    } finally {
      releaseToken(successionPath, succession)
    }
  }
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

function releaseToken(path: string, { id }: Token): void {
  if (readToken(path)?.id === id) unlinkSync(path)
}

/** Undefined when there is no file. What is no lock of ours counts as one of nobody: it is replaced. */
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
      return { ...NOBODY, ...token }
  } catch {
    // Damaged, as below.
  }
  return NOBODY
}

const NOBODY: Token = { pid: 0, bootId: 'none', processStart: '', id: 'damaged' }
