/** What tells a process from another one that has its pid after it. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** A pid is used again; a pid with its start and boot is not. */
export interface ProcessIdentity {
  readonly pid: number
  readonly bootId: string
  /** When the process started, in its system's own words; empty where that is not known. */
  readonly processStart: string
}

/** Of the process that has the pid now. */
export function identityOf(pid: number): ProcessIdentity {
  return { pid, bootId: bootId(), processStart: processStart(pid) }
}

/** Whether this very process still runs. Where no start is known, its pid has to do. */
export function isRunning(identity: ProcessIdentity): boolean {
  if (identity.bootId !== bootId() || !processExists(identity.pid)) return false
  const start = processStart(identity.pid)
  return start === identity.processStart || start === '' || identity.processStart === ''
}

/** Of the machine's present boot; "unknown" where the system does not tell. */
function bootId(): string {
  knownBootId ??= readBootId()
  return knownBootId
}

/** False for a process that has ended, even if its parent has not taken notice yet. */
export function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
  const state = statFields(pid)?.[0]
  return state !== 'Z' && state !== 'X'
}

/** Ticks since boot at which the process started; empty where only a costly call would tell. */
function processStart(pid: number): string {
  return statFields(pid)?.[19] ?? ''
}

/** The fields of /proc/<pid>/stat from the third on: the second is a name in brackets that may contain anything. */
function statFields(pid: number): string[] | undefined {
  if (process.platform !== 'linux') return undefined
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')
  } catch {
    return undefined
  }
}

function readBootId(): string {
  try {
    if (process.platform === 'linux') return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    return execFileSync('sysctl', ['-n', 'kern.bootsessionuuid'], { encoding: 'utf8' }).trim()
  } catch {
    return 'unknown'
  }
}

let knownBootId: string | undefined
