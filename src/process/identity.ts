/** What tells a process from another one that has its pid after it, here, on another machine or in a container. */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'

/** Where a pid means something: a boot of a machine, and a process namespace in it. */
export interface Place {
  /** Of the machine's present boot; "unknown" where the system does not tell. */
  readonly bootId: string
  /** Name of the machine, for people. Absent in files of older versions, as all that follows. */
  readonly host?: string
  /** Of the machine, over its boots; empty where the system does not tell. */
  readonly machineId?: string
  /** As Linux calls it, like "pid:[4026531836]"; "none" on a system without; empty where it is not known. */
  readonly pidNamespace?: string
}

/** A pid is used again; a pid with its start and place is not. */
export interface ProcessIdentity extends Place {
  readonly pid: number
  /** When the process started, in its system's own words; empty where that is not known. */
  readonly processStart: string
}

/** "unknown": nothing that can be looked at from here tells whether the process still runs. */
export type Liveness = 'running' | 'gone' | 'unknown'

/** Of the process that has the pid now. */
export function identityOf(pid: number): ProcessIdentity {
  return { pid, processStart: processStart(pid), ...here() }
}

/** Whether this very process still runs. Where no start is known, its pid has to do. */
export function livenessOf(identity: ProcessIdentity): Liveness {
  const verdict = placeVerdict(identity, here())
  if (verdict !== 'look') return verdict
  if (identity.pid < 1 || !processExists(identity.pid)) return 'gone'
  const start = processStart(identity.pid)
  return start === identity.processStart || start === '' || identity.processStart === '' ? 'running' : 'gone'
}

/** Whether this very process certainly still runs. */
export function isRunning(identity: ProcessIdentity): boolean {
  return livenessOf(identity) === 'running'
}

/**
 * What can be said of a process of `place` before anything is looked at: its pid can be looked at here ("look"), it went with an
 * earlier boot of this machine ("gone"), or neither ("unknown"). The cases are in proto/golden/locks.json, for Python too. Pure.
 *
 * A boot id is random and belongs to one boot of one machine; containers share it and differ in their namespace. Another boot id
 * is an earlier boot of this machine only where the machine is certain: images and clones share machine ids, and containers
 * take any name.
 */
export function placeVerdict(place: Place, at: Required<Place>): 'look' | 'gone' | 'unknown' {
  const isSameBoot = place.bootId === at.bootId
  const isKnownBoot = place.bootId !== UNKNOWN && at.bootId !== UNKNOWN
  // A version that recorded the boot alone.
  if (place.pidNamespace === undefined) return isSameBoot ? 'look' : 'unknown'
  if (isKnownBoot && isSameBoot)
    return place.pidNamespace !== '' && place.pidNamespace === at.pidNamespace ? 'look' : 'unknown'
  const isSameMachine =
    at.machineId !== '' &&
    place.machineId === at.machineId &&
    place.host === at.host &&
    WHOLE_MACHINE.has(place.pidNamespace) &&
    WHOLE_MACHINE.has(at.pidNamespace)
  if (!isSameMachine) return 'unknown'
  if (isKnownBoot) return 'gone'
  return isSameBoot ? 'look' : 'unknown'
}

/** Where this process runs. */
export function here(): Required<Place> {
  known ??= {
    bootId: readBootId(),
    host: hostname(),
    machineId: readMachineId(),
    pidNamespace: readPidNamespace(),
  }
  return known
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
    return UNKNOWN
  }
}

/** Hashed: a machine's own id is not to be told to whoever can read a file of ours. */
function readMachineId(): string {
  const id = process.platform === 'linux' ? readMachineFile() : readPlatformUuid()
  return id === '' ? '' : createHash('sha256').update(`absgd ${id}`).digest('hex').slice(0, 32)
}

function readMachineFile(): string {
  for (const file of ['/etc/machine-id', '/var/lib/dbus/machine-id']) {
    try {
      const text = readFileSync(file, 'utf8').trim()
      if (/^[0-9a-f]{32}$/.test(text)) return text
    } catch {
      // The next one, or none.
    }
  }
  return ''
}

function readPlatformUuid(): string {
  try {
    const text = execFileSync('ioreg', ['-rd1', '-c', 'IOPlatformExpertDevice'], { encoding: 'utf8' })
    return /"IOPlatformUUID" = "([^"]+)"/.exec(text)?.[1] ?? ''
  } catch {
    return ''
  }
}

function readPidNamespace(): string {
  if (process.platform !== 'linux') return 'none'
  try {
    return readlinkSync('/proc/self/ns/pid')
  } catch {
    return ''
  }
}

const UNKNOWN = 'unknown'
/** The namespace that every Linux begins with (its number is fixed in the kernel), and systems that have no others. */
const WHOLE_MACHINE: ReadonlySet<string> = new Set(['pid:[4026531836]', 'none'])
let known: Required<Place> | undefined
