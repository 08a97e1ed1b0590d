/** The built command line inside this process: no interpreter of JavaScript starts, and what a command loads is loaded once. */
import { pathToFileURL } from 'node:url'
import { importNative } from './native-import.mjs'

export interface Invocation {
  /** dist/cli/main.js. */
  readonly main: string
  readonly args: readonly string[]
  readonly cwd: string
  /** Over this process's own; undefined takes a variable away. */
  readonly env: Readonly<Record<string, string | undefined>>
}

export interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

let last: Promise<unknown> = Promise.resolve()
let invocations = 0

/**
 * Runs the command to its end. Commands wait for each other: output, environment and folder belong to the whole process.
 * `main.js` runs whenever it is imported, so every invocation imports it under another URL.
 */
export function runInProcess(invocation: Invocation): Promise<Outcome> {
  const outcome = last.then(() => run(invocation))
  last = outcome.catch(() => undefined)
  return outcome
}

async function run({ main, args, cwd, env }: Invocation): Promise<Outcome> {
  const before = { argv: process.argv, cwd: process.cwd(), env: { ...process.env }, exit: process.exit }
  const { exitCode } = process
  const errorListeners = process.stdout.listeners('error')
  const output = { stdout: '', stderr: '' }
  let exited: number | undefined
  const writes = [process.stdout, process.stderr].map((stream) => stream.write)
  const capture = (name: 'stdout' | 'stderr') =>
    function write(chunk: string | Uint8Array, ...more: unknown[]): boolean {
      // Nothing that follows process.exit would have been written.
      if (exited === undefined)
        output[name] += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString()
      const done = more.at(-1)
      if (typeof done === 'function') queueMicrotask(done as () => void)
      return true
    }
  process.stdout.write = capture('stdout')
  process.stderr.write = capture('stderr')
  process.exit = (code?: number | string | null) => {
    exited ??= Number(code ?? process.exitCode ?? 0)
    throw new Error('the command has ended by process.exit')
  }
  process.argv = [process.execPath, main, ...args]
  setEnvironment({ ...process.env, ...env })
  process.chdir(cwd)
  process.exitCode = undefined
  try {
    await importNative(`${pathToFileURL(main).href}?invocation=${++invocations}`).catch((error: unknown) => {
      if (exited === undefined) throw error
    })
    const code = process.exitCode as number | string | undefined
    return { code: exited ?? Number(code ?? 0), ...output }
  } finally {
    process.exitCode = exitCode
    process.argv = before.argv
    process.exit = before.exit
    process.chdir(before.cwd)
    setEnvironment(before.env)
    process.stdout.write = writes[0]!
    process.stderr.write = writes[1]!
    for (const listener of process.stdout.listeners('error'))
      if (!errorListeners.includes(listener)) process.stdout.off('error', listener as () => void)
  }
}

function setEnvironment(env: Readonly<Record<string, string | undefined>>): void {
  for (const name of Object.keys(process.env))
    if (env[name] === undefined) Reflect.deleteProperty(process.env, name)
  for (const [name, value] of Object.entries(env)) if (value !== undefined) process.env[name] = value
}
