/** Processes that outlive who started them: their own session, output onto a file. `environment/command.ts` runs the ones that are waited for. */
import { closeSync, openSync, readSync, fstatSync } from 'node:fs'
import { execa } from 'execa'
import { isRunning, type ProcessIdentity } from './identity.js'

/** How a process ended; both undefined when nobody was there to see it. */
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
 * Starts a process in a session of its own with stdout and stderr on a file.
 *
 * The file is handed over as a descriptor: through a pipe, and through execa's own `{ file }` (which is a pipe that Node
 * drains), the process would die of SIGPIPE or block once this one is gone.
 */
export function spawnDetached(options: SpawnOptions): ProcessHandle {
  const output = openSync(options.outputFile, 'a', 0o600)
  try {
    // A descriptor is passed on as it is, which execa's types leave out.
    const file = output as unknown as 'inherit'
    const subprocess = execa(options.command, options.args, {
      detached: true,
      cleanup: false,
      buffer: false,
      reject: false,
      stdin: 'ignore',
      stdout: file,
      stderr: file,
      env: options.environment,
      ...(options.directory === undefined ? {} : { cwd: options.directory }),
    })
    const exited = subprocess.then((result) => ({ exitCode: result.exitCode, signal: result.signal }))
    return { pid: subprocess.pid ?? -1, exited, kill: (signal) => signalProcess(subprocess.pid, signal) }
  } finally {
    closeSync(output)
  }
}

/** Watches a process that somebody else started. Its exit code is never known; another one that has its pid later is left alone. */
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

/** The last lines of a file from `offset` on, at most `lines` and 8 KiB; empty when there is no such file. */
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

function signalProcess(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined || pid <= 0) return
  try {
    process.kill(pid, signal)
  } catch {
    // It is gone, or it is somebody else's.
  }
}

const WATCH_INTERVAL_MS = 200
const TAIL_BYTES = 8192
