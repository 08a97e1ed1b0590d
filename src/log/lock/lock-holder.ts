/** Describes a process that has a lock and that cannot be checked from this machine or container, with the reason. */
import { here, type Place, type ProcessIdentity } from '../../process/identity.js'

export interface LockHolder extends ProcessIdentity {
  /** UTC, ISO 8601; absent in locks of older versions. */
  readonly since?: string
  /** Whether the process cannot be checked from here: it is on another machine, of another boot, or in a container. */
  readonly isElsewhere: boolean
}

/** Like `process 4711 on the host "gpu3", since 2026-11-30T12:00:00.000Z; from here ("gpu1") nobody can see whether it still runs`. */
export function holderInWords(holder: LockHolder, at: Required<Place> = here()): string {
  const { pid, host, since } = holder
  const parts = [
    `process ${pid}`,
    ...(host === undefined ? [] : [`on the host "${host}"`]),
    reasonOf(holder, at),
    ...(since === undefined ? [] : [`since ${since}`]),
  ]
  return `${parts.join(', ')}; from here ("${at.host}") nobody can see whether it still runs`
}

function reasonOf({ bootId, host, pidNamespace }: LockHolder, at: Required<Place>): string {
  if (pidNamespace === undefined)
    return 'of another boot or another machine (its lock is of an older version)'
  if (bootId === at.bootId) return `in another process namespace (a container): ${pidNamespace || 'unknown'}`
  return host === at.host ? 'of another boot, or another machine of this name' : `of another boot (${bootId})`
}
