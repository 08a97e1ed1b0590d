/** What makes virtual environments and installs into environments: pip or uv. */
import { AbsgdError } from '../../errors.js'
import { runCommand, type CommandResult } from '../run-command.js'
import { quote } from '../../utils/shell-quote.js'

export interface Installer {
  /** How it is called, for people. */
  readonly name: string
  /** Makes a virtual environment, or mends one that was left unfinished. */
  makeVenv(venv: string): Promise<void>
  /** Installs `requirements`, and torch in the build that suits when `torch` is set. */
  install(python: string, requirements: readonly string[], want: { readonly torch: boolean }): Promise<void>
}

export interface InstallerOptions {
  /** No network: only folders of wheels that pip or uv is told of. */
  readonly offline: boolean
  readonly env: NodeJS.ProcessEnv
  readonly report: (line: string) => void
}

/** Runs an installer and passes on what a person wants to see of its output. */
export async function watch(
  command: string,
  args: readonly string[],
  { env, report }: InstallerOptions,
): Promise<CommandResult> {
  const onLine = (line: string) => {
    if (PROGRESS.test(line)) report(`  ${line.trim().slice(0, MAX_LINE)}`)
  }
  return runCommand(command, args, { env, onLine })
}

/** The error for a step that failed; the command line can be typed as it stands. */
export function installError(
  what: string,
  command: readonly string[],
  result: { readonly reason: string; readonly tail: string },
): AbsgdError {
  return new AbsgdError('environment', `${what} (${result.reason})\n${result.tail}`, {
    hint: [
      `To see it by hand: ${command.map(quote).join(' ')}`,
      'Or name a Python that has torch: npx absgd setup --python PATH',
    ].join('\n'),
  })
}

/** Settings for the user's own installs that are wrong inside a virtual environment are taken out. */
export function installerEnv(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { PIP_USER: _user, PIP_TARGET: _target, PIP_PREFIX: _prefix, ...rest } = env
  return { ...rest, PYTHONUTF8: '1', PIP_USER: '0', PIP_DISABLE_PIP_VERSION_CHECK: '1', PIP_NO_INPUT: '1' }
}

const PROGRESS = /^\s*(Collecting|Downloading|Installing|Building|Prepared|Installed|Resolved)\b/
const MAX_LINE = 76
