/** Commands as a user types them: their CPU, and when they print their first line and end. */
import { execFile, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/** CPU of a program of Node and of its threads, user and system, in seconds: the shell reports it for the children that it waited for. */
export async function cpuOf(args: readonly string[]): Promise<number> {
  const script = '"$0" "$@" > /dev/null && times'
  const { stdout } = await promisify(execFile)('/bin/sh', ['-c', script, process.execPath, ...args])
  const ofChildren = stdout.trim().split('\n').at(-1)!
  const times = [...ofChildren.matchAll(/(\d+)m([\d.]+)s/g)]
  return times.reduce((sum, [, minutes, seconds]) => sum + 60 * Number(minutes) + Number(seconds), 0)
}

/** When a command was started, when it printed its first output, and when it ended, in seconds since 1970. */
export interface Timed {
  readonly started: number
  readonly firstOutput: number
  readonly ended: number
}

/** Runs a command to its end; throws unless it exits with 0. Its output is read from pipes. */
export async function timed(
  command: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<Timed> {
  const started = now()
  const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
  let firstOutput = NaN
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      if (output === '') firstOutput = now()
      output += text
    })
  }
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', resolve)
  })
  const ended = now()
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${String(code)}:\n${output}`)
  return { started, firstOutput, ended }
}

function now(): number {
  return (performance.timeOrigin + performance.now()) / 1000
}

/** The command line as it is installed. */
export const CLI = fileURLToPath(new URL('../../bin/absgd.js', import.meta.url))
