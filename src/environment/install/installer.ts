/** The interface of an installer (pip or uv): it creates virtual environments and installs packages. */
import { AbsgdError } from '../../errors.js'
import { runCommand, type CommandResult } from '../run-command.js'
import { quote } from '../../utils/shell-quote.js'

export interface Installer {
  /** Name of the installer, for people. */
  readonly name: string
  /** Creates a virtual environment, or completes an unfinished one. */
  makeVenv(venv: string): Promise<void>
  /** Installs `requirements`; if `torch` is set, also the suitable build of torch. */
  install(python: string, requirements: readonly string[], want: { readonly torch: boolean }): Promise<void>
}

export interface InstallerOptions {
  /** Without network: only from the folders of wheels in the configuration of pip or uv. */
  readonly offline: boolean
  readonly env: NodeJS.ProcessEnv
  readonly report: (line: string) => void
}

/** Runs an installer, and reports the lines of its output that show progress. */
export async function runInstaller(
  command: string,
  args: readonly string[],
  { env, report }: InstallerOptions,
): Promise<CommandResult> {
  const onLine = (line: string) => {
    if (PROGRESS.test(line)) report(`  ${line.trim().slice(0, MAX_LINE)}`)
  }
  return runCommand(command, args, { env, onLine })
}

/** The error for a failed command of an installer. The hint has the command line, so that it can be repeated by hand. */
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

/** The environment without the user's pip settings that do not work inside a virtual environment. */
export function installerEnv(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { PIP_USER: _user, PIP_TARGET: _target, PIP_PREFIX: _prefix, ...rest } = env
  return { ...rest, PYTHONUTF8: '1', PIP_USER: '0', PIP_DISABLE_PIP_VERSION_CHECK: '1', PIP_NO_INPUT: '1' }
}

const PROGRESS = /^\s*(Collecting|Downloading|Installing|Building|Prepared|Installed|Resolved)\b/
const MAX_LINE = 76
