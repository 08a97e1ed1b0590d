/** The identity of a process: it differs from that of a later process with the same pid, here, on another machine or in a container. */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'

/** Where a pid is valid: one boot of a machine, and one process namespace in it. */
export interface Place {
  /** The id of the machine's current boot; "unknown" if the system has none. */
  readonly bootId: string
  /** Name of the machine, for people. This field and the following ones are absent in files of older versions. */
  readonly host?: string
  /** The id of the machine, the same for all boots; empty if the system has none. */
  readonly machineId?: string
  /** The namespace in the form of Linux, "pid:[4026531836]"; "none" on a system without namespaces; empty if unknown. */
  readonly pidNamespace?: string
}

/** Pids are reused, but not with the same start and place. */
export interface ProcessIdentity extends Place {
  readonly pid: number
  /** When the process started, in the units of its system; empty if unknown. */
  readonly processStart: string
}

/** "unknown": it cannot be determined from here whether the process still runs. */
export type Liveness = 'running' | 'gone' | 'unknown'

/** The identity of the process that has the pid now. */
export function identityOf(pid: number): ProcessIdentity {
  return { pid, processStart: processStart(pid), ...here() }
}

/** Whether exactly this process still runs. If its start is unknown, its pid decides alone. */
export function livenessOf(identity: ProcessIdentity): Liveness {
  const verdict = placeVerdict(identity, here())
  if (verdict !== 'look') return verdict
  if (identity.pid < 1 || !processExists(identity.pid)) return 'gone'
  const start = processStart(identity.pid)
  return start === identity.processStart || start === '' || identity.processStart === '' ? 'running' : 'gone'
}

/** Whether exactly this process certainly still runs. */
export function isRunning(identity: ProcessIdentity): boolean {
  return livenessOf(identity) === 'running'
}

/**
 * Judges a process of `place` by its place alone: its pid can be looked up here ("look"), it ended with an earlier boot of this machine
 * ("gone"), or neither is certain ("unknown"). proto/golden/locks.json has the cases, for Python too. Pure.
 *
 * A boot id is random and belongs to one boot of one machine. Containers share it and differ in their namespace. Another boot id means
 * an earlier boot of this machine only if the machine is certain: images and clones share machine ids, and containers may have any
 * name.
 */
export function placeVerdict(place: Place, at: Required<Place>): 'look' | 'gone' | 'unknown' {
  const isSameBoot = place.bootId === at.bootId
  const isKnownBoot = place.bootId !== UNKNOWN && at.bootId !== UNKNOWN
  // Written by a version that recorded only the boot.
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

/** The place of this process. */
export function here(): Required<Place> {
  known ??= {
    bootId: readBootId(),
    host: hostname(),
    machineId: readMachineId(),
    pidNamespace: readPidNamespace(),
  }
  return known
}

/** False for a process that has ended, even if its parent has not read its exit status yet. */
export function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
  const state = statFields(pid)?.[0]
  return state !== 'Z' && state !== 'X'
}

/** Ticks since boot at which the process started; empty on systems where reading it would be slow. */
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

/** Hashed: files that others may read must not contain the machine's own id. */
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
      // Try the next file.
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
/** The initial namespace of Linux, whose number is fixed in the kernel, and systems without namespaces. */
const WHOLE_MACHINE: ReadonlySet<string> = new Set(['pid:[4026531836]', 'none'])
let known: Required<Place> | undefined
