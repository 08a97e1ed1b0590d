/** Which sources of packages pip's configuration names: its files and environment variables (`PIP_INDEX_URL`). */
import { runCommand } from '../run-command.js'

/** The keys of pip's configuration that are set in the environment or in its files, of those in `SOURCES`. */
export async function readPipSources(python: string, env: NodeJS.ProcessEnv): Promise<readonly string[]> {
  const fromEnvironment = Object.keys(env).filter((name) => SOURCES.has(pipKey(name)) && env[name])
  const result = await runCommand(python, ['-m', 'pip', 'config', 'list'], {
    env,
    timeoutMs: TIMEOUT_MS,
  })
  const listed = result.status === 'ok' ? result.stdout.split('\n').map((line) => line.split('=')[0]!) : []
  const fromFiles = listed.filter((key) => !key.startsWith(':env:') && SOURCES.has(key.split('.').at(-1)!))
  return [...fromEnvironment, ...fromFiles]
}

/** PIP_FIND_LINKS → find-links */
function pipKey(variable: string): string {
  return variable.startsWith('PIP_') ? variable.slice(4).toLowerCase().replaceAll('_', '-') : ''
}

const SOURCES = new Set([
  'index-url',
  'extra-index-url',
  'find-links',
  'no-index',
  'proxy',
  'cert',
  'client-cert',
])

const TIMEOUT_MS = 30_000
