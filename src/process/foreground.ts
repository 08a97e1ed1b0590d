/** Whether this process runs in the background of its terminal. */
import { execFileSync } from 'node:child_process'
import { closeSync, readFileSync } from 'node:fs'
import { isatty } from 'node:tty'

/** Whether this process may change its terminal. True as well without a controlling terminal, or without job control. */
export function isInForeground(): boolean {
  const groups = process.platform === 'linux' ? groupsOnLinux() : groupsByPs()
  return groups === undefined || groups.terminal <= 0 || groups.terminal === groups.own
}

/**
 * Leaves the terminal unchanged when this process exits in the background. On exit, Node resets the terminal's modes to those at
 * its start, although another program uses the terminal by then. It does not do so for closed descriptors.
 */
export function leaveTerminalAlone(): void {
  process.once('exit', () => {
    const terminals = [0, 1, 2].filter((descriptor) => isatty(descriptor))
    if (terminals.length > 0 && !isInForeground()) for (const descriptor of terminals) closeSync(descriptor)
  })
}

/** Process groups: that in the terminal's foreground, and that of this process. */
interface Groups {
  readonly terminal: number
  readonly own: number
}

function groupsOnLinux(): Groups | undefined {
  try {
    return groupsOfStat(readFileSync('/proc/self/stat', 'utf8'))
  } catch {
    return undefined
  }
}

/** Parses `pid (name) state ppid pgrp session tty_nr tpgid …`; the name may contain any character. */
export function groupsOfStat(stat: string): Groups | undefined {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return groupsOf(fields[5], fields[2])
}

function groupsByPs(): Groups | undefined {
  try {
    const args = ['-o', 'tpgid=,pgid=', '-p', String(process.pid)]
    const [terminal, own] = execFileSync('ps', args, { encoding: 'utf8' }).trim().split(/\s+/)
    return groupsOf(terminal, own)
  } catch {
    return undefined
  }
}

function groupsOf(terminal: string | undefined, own: string | undefined): Groups | undefined {
  const groups = { terminal: Number(terminal), own: Number(own) }
  return Number.isInteger(groups.terminal) && Number.isInteger(groups.own) ? groups : undefined
}
