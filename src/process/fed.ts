/** A process that is fed lines: its input is a pipe, its output that of this process. */
import { once } from 'node:events'
import { spawn } from 'node:child_process'
import type { ProcessExit } from './child.js'

export interface FedProcess {
  /** Resolves once there is room for more. Does nothing when the process is gone. */
  write(text: string): Promise<void>
  /** Closes the input, and resolves when the process is gone. */
  end(): Promise<ProcessExit>
}

export function startFed(
  command: string,
  args: readonly string[],
  { env }: { readonly env: NodeJS.ProcessEnv },
): FedProcess {
  const child = spawn(command, args, { env, stdio: ['pipe', 'inherit', 'inherit'] })
  let isGone = false
  const exited = new Promise<ProcessExit>((resolve) => {
    const leave = (exit: ProcessExit) => {
      isGone = true
      resolve(exit)
    }
    child.once('error', () => {
      leave({ exitCode: undefined, signal: undefined })
    })
    child.once('exit', (exitCode, signal) => {
      leave({ exitCode: exitCode ?? undefined, signal: signal ?? undefined })
    })
  })
  // The process may be gone already.
  child.stdin.on('error', () => undefined)
  return {
    async write(text) {
      if (isGone || child.stdin.write(text)) return
      await Promise.race([once(child.stdin, 'drain').catch(() => undefined), exited])
    },
    async end() {
      child.stdin.end()
      return exited
    },
  }
}
