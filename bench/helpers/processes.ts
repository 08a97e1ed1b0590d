/** CPU time and memory of a process, from /proc (Linux only). */
import { readFileSync } from 'node:fs'

/** Resident memory, in bytes; undefined once the process is gone. */
export function residentBytes(pid: number): number | undefined {
  return statusBytes(pid, 'VmRSS')
}

/** The largest resident memory so far, in bytes; undefined once the process is gone. */
export function peakResidentBytes(pid: number): number | undefined {
  return statusBytes(pid, 'VmHWM')
}

/** CPU of all threads so far, user and system, in seconds to a hundredth; undefined once the process is gone. */
export function cpuSeconds(pid: number): number | undefined {
  const stat = read(pid, 'stat')
  if (stat === undefined) return undefined
  // Behind the name, which may hold anything: utime and stime are fields 14 and 15 of the whole.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS
}

function statusBytes(pid: number, field: string): number | undefined {
  const kilobytes = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(read(pid, 'status') ?? '')?.[1]
  return kilobytes === undefined ? undefined : 1024 * Number(kilobytes)
}

function read(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8')
  } catch {
    return undefined
  }
}

/** Clock ticks per second in /proc; the kernel always uses this value. */
const TICKS = 100
