/** Processes that outlive the one that started them, with a session of their own and output to a file. `environment/run-command.ts` runs those that are waited for. */
import { closeSync, openSync, readSync, fstatSync } from 'node:fs'
import type { Writable } from 'node:stream'
import { spawn } from 'node:child_process'
import { isRunning, type ProcessIdentity } from './identity.js'

/** How a process ended; both undefined if this process did not start it. */
export interface ProcessExit {
  readonly exitCode: number | undefined
  readonly signal: string | undefined
}

export interface ProcessHandle {
  readonly pid: number
  /** Resolves when the process is gone; never rejects. */
  readonly exited: Promise<ProcessExit>
  /** Does nothing when the process is gone. */
  kill(signal: 'SIGINT' | 'SIGTERM' | 'SIGKILL'): void
}

export interface SpawnOptions {
  readonly command: string
  readonly args: readonly string[]
  /** Added to this process's environment. */
  readonly environment: Readonly<Record<string, string>>
  /** Appended to; created with mode 0600. */
  readonly outputFile: string
  readonly directory?: string
}

/**
 * Starts a process in a session of its own, with stdout and stderr in a file.
 *
 * The process gets the file as a descriptor. With a pipe it would die of SIGPIPE or block once this process is gone.
 */
export function spawnDetached(options: SpawnOptions): ProcessHandle {
  return start(options, 'ignore').handle
}

export interface AwaitingProcess extends ProcessHandle {
  /** Writes the text to its stdin, and closes it. Does nothing if it is closed. */
  endInput(text: string): void
}

/** Like `spawnDetached`, for a process that waits for its input. Its stdin is closed as well when this process ends. */
export function spawnAwaitingInput(options: SpawnOptions): AwaitingProcess {
  const { handle, stdin } = start(options, 'pipe')
  // The process may be gone already.
  stdin?.on('error', () => undefined)
  return {
    ...handle,
    endInput: (text) => {
      if (stdin?.writable === true) stdin.end(text)
    },
  }
}

function start(
  options: SpawnOptions,
  input: 'ignore' | 'pipe',
): { handle: ProcessHandle; stdin: Writable | null } {
  const output = openSync(options.outputFile, 'a', 0o600)
  try {
    const child = spawn(options.command, options.args, {
      detached: true,
      stdio: [input, output, output],
      env: { ...process.env, ...options.environment },
      ...(options.directory === undefined ? {} : { cwd: options.directory }),
    })
    const exited = new Promise<ProcessExit>((resolve) => {
      child.once('error', () => resolve({ exitCode: undefined, signal: undefined }))
      child.once('exit', (exitCode, signal) =>
        resolve({ exitCode: exitCode ?? undefined, signal: signal ?? undefined }),
      )
    })
    const kill: ProcessHandle['kill'] = (signal) => signalProcess(child.pid, signal)
    return { handle: { pid: child.pid ?? -1, exited, kill }, stdin: child.stdin }
  } finally {
    closeSync(output)
  }
}

/** Watches a process that this one did not start. Its exit code is never known. A later process with the same pid is never signalled. */
export function watchProcess(identity: ProcessIdentity): ProcessHandle {
  const exited = new Promise<ProcessExit>((resolve) => {
    const timer = setInterval(() => {
      if (isRunning(identity)) return
      clearInterval(timer)
      resolve({ exitCode: undefined, signal: undefined })
    }, WATCH_INTERVAL_MS)
    timer.unref()
  })
  const { pid } = identity
  return {
    pid,
    exited,
    kill: (signal) => {
      if (isRunning(identity)) signalProcess(pid, signal)
    },
  }
}

/** The last lines of a file from `offset` on, at most `lines` and 8 KiB; empty if the file does not exist. */
export function lastLines(file: string, { lines = 20, offset = 0 } = {}): string {
  let descriptor: number
  try {
    descriptor = openSync(file, 'r')
  } catch {
    return ''
  }
  try {
    const { size } = fstatSync(descriptor)
    const start = Math.max(offset, size - TAIL_BYTES)
    const buffer = Buffer.alloc(Math.max(0, size - start))
    const length = readSync(descriptor, buffer, 0, buffer.length, start)
    return buffer.toString('utf8', 0, length).trimEnd().split('\n').slice(-lines).join('\n')
  } finally {
    closeSync(descriptor)
  }
}

/** Does nothing when there is no such process. */
export function signalProcess(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined || pid <= 0) return
  try {
    process.kill(pid, signal)
  } catch {
    // The process is gone, or belongs to another user.
  }
}

const WATCH_INTERVAL_MS = 200
const TAIL_BYTES = 8192
