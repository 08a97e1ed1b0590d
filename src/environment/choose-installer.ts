/** Finds the tools that can create an environment (Python, uv), and chooses the installer. */
import { runCommand } from './run-command.js'
import { installerEnv, type Installer, type InstallerOptions } from './install/installer.js'
import { createPip } from './install/pip.js'
import { readPipSources } from './install/pip-sources.js'
import { PYTHON_MINIMUM } from './install/requirements.js'
import { createUv } from './install/uv.js'
import { atLeast } from './python-versions.js'

export interface Tools {
  /** A Python that can create virtual environments; undefined if there is none. */
  readonly python: { readonly command: string; readonly version: string } | undefined
  readonly uv: string | undefined
  /** Keys of pip's configuration that name sources of packages. uv does not read them. */
  readonly pipSources: readonly string[]
  /** The tools that were tried, with the results, for people. */
  readonly tried: readonly string[]
}

export async function findTools(env: NodeJS.ProcessEnv): Promise<Tools> {
  const tried: string[] = []
  let python: Tools['python']
  for (const command of PYTHONS) {
    const result = await runCommand(command, ['-c', QUESTION], { env, timeoutMs: TOOL_TIMEOUT_MS })
    if (result.status === 'failed') {
      tried.push(`${command}: ${result.reason}`)
      continue
    }
    const [version = '', problem = ''] = result.stdout.trim().split('\n')
    if (!atLeast(version, PYTHON_MINIMUM)) tried.push(`${command}: Python ${version}, too old`)
    else if (problem !== '') tried.push(`${command}: Python ${version}, ${problem}`)
    else {
      tried.push(`${command}: Python ${version}`)
      python = { command, version }
      break
    }
  }
  const answer = await runCommand('uv', ['--version'], { env, timeoutMs: TOOL_TIMEOUT_MS })
  tried.push(`uv: ${answer.status === 'ok' ? answer.stdout.trim() : answer.reason}`)
  const pipSources = python === undefined ? [] : await readPipSources(python.command, env)
  return { python, uv: answer.status === 'ok' ? 'uv' : undefined, pipSources, tried }
}

/**
 * uv if it is found, unless pip's configuration names sources of packages, which uv does not read; else pip. Undefined if there is
 * neither.
 */
export function chooseInstaller(tools: Tools, options: InstallerOptions): Installer | undefined {
  const watched = { ...options, env: installerEnv(options.env) }
  const uv = tools.uv === undefined ? undefined : createUv(tools.uv, tools.python?.command, watched)
  if (tools.python === undefined) return uv
  return uv !== undefined && tools.pipSources.length === 0 ? uv : createPip(tools.python.command, watched)
}

const PYTHONS = ['python3', 'python', 'python3.13', 'python3.12', 'python3.11', 'python3.10']

/** Prints the version, then the reason why `-m venv` cannot be used. Runs on any version of Python. */
const QUESTION = `
import sys
print("%d.%d.%d" % sys.version_info[:3])
try:
    import venv, ensurepip
except ImportError:
    print("without venv and ensurepip (Debian, Ubuntu: apt install python3-venv)")
`

const TOOL_TIMEOUT_MS = 30_000
