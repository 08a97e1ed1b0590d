/** Processes of their own for tests: a lock or a log in other hands. What they do is in `process.ts`. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import type { Role } from './process.js'
import { RUN_TYPESCRIPT } from '../helpers/typescript.js'

export interface Child {
  readonly process: ChildProcess
  /** Resolves with the next line that it prints; undefined once it has ended. */
  line(): Promise<string | undefined>
}

export function runProcess(role: Role, ...parameters: string[]): Child {
  const script = fileURLToPath(new URL('process.ts', import.meta.url))
  const child = spawn(process.execPath, [...RUN_TYPESCRIPT, script, role, ...parameters], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  onTestFinished(() => {
    child.kill('SIGKILL')
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    process: child,
    async line() {
      const next = await lines.next()
      return next.done === true ? undefined : next.value
    },
  }
}

/** Everything it prints until it ends by itself. */
export async function finished(child: Child): Promise<{ lines: string[]; code: number | null }> {
  const lines: string[] = []
  for (let line = await child.line(); line !== undefined; line = await child.line()) lines.push(line)
  if (child.process.exitCode === null) await once(child.process, 'exit')
  return { lines, code: child.process.exitCode }
}

export async function killed({ process: child }: Child): Promise<void> {
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}
