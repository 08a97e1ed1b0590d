/** Runs short-lived processes: queries of interpreters, and installers. */

export interface CommandOptions {
  readonly env: NodeJS.ProcessEnv
  readonly timeoutMs?: number
  /** Called with every line of stdout and stderr. */
  readonly onLine?: (line: string) => void
}

export type CommandResult =
  | { readonly status: 'ok'; readonly stdout: string }
  /** `reason`: a few words; `tail`: the last lines of output. */
  | { readonly status: 'failed'; readonly reason: string; readonly tail: string }

/** Runs a program to its end. It never rejects: if the program is missing or fails, that is the result. */
export async function runCommand(
  command: string,
  args: readonly string[],
  { env, timeoutMs, onLine }: CommandOptions,
): Promise<CommandResult> {
  // Loaded only here, because an environment that is known to be complete needs no process.
  const { execa } = await import('execa')
  const subprocess = execa(command, args, {
    reject: false,
    all: true,
    stdin: 'ignore',
    extendEnv: false,
    env,
    ...(timeoutMs === undefined ? {} : { timeout: timeoutMs }),
  })
  if (onLine !== undefined) for await (const line of subprocess.iterable({ from: 'all' })) onLine(line)
  const result = await subprocess
  if (!result.failed) return { status: 'ok', stdout: result.stdout }
  return { status: 'failed', reason: reasonOf(result), tail: lastLines(result.all) }
}

/** The last lines that are not empty. */
export function lastLines(text: string, count = 12): string {
  const lines = text.split('\n').filter((line) => line.trim() !== '')
  return lines.slice(-count).join('\n')
}

function reasonOf(result: {
  code?: string | undefined
  timedOut: boolean
  signal?: string | undefined
  exitCode?: number | undefined
  shortMessage?: string | undefined
}): string {
  if (result.code === 'ENOENT') return 'not found'
  if (result.code === 'EACCES') return 'not executable'
  if (result.timedOut) return 'no answer in time'
  if (result.signal !== undefined) return `ended by ${result.signal}`
  if (result.exitCode !== undefined) return `exit code ${result.exitCode}`
  return result.shortMessage ?? 'could not be started'
}
