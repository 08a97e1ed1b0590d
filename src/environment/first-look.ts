/** A first look at a training script by any Python, without running it. Nothing is installed for it. */
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { AbsgdError } from '../errors.js'
import { PACKAGE_ROOT } from '../version.js'
import { runCommand } from './run-command.js'

/**
 * What `python -m absgd_worker.first_look` prints about a script.
 *
 * @param python - The interpreter; else that of the active environment, `.venv` here, or one on the path
 * @throws AbsgdError 'usage' for a file that is no training script, 'environment' where there is no Python
 */
export async function firstLook(script: string, recipe: string, python?: string): Promise<unknown> {
  const source = join(PACKAGE_ROOT, 'python-worker', 'src')
  const path = [source, process.env['PYTHONPATH'] ?? ''].filter((part) => part !== '').join(delimiter)
  const env = { ...process.env, PYTHONPATH: path, PYTHONIOENCODING: 'utf-8' }
  for (const candidate of python === undefined ? interpreters() : [python]) {
    const result = await runCommand(candidate, ['-m', 'absgd_worker.first_look', script, recipe], {
      env,
      timeoutMs: LIMIT_MS,
    })
    if (result.status === 'ok') return JSON.parse(result.stdout)
    if (result.reason === 'exit code 2') throw new AbsgdError('usage', result.tail)
    if (result.reason !== 'not found') {
      throw new AbsgdError('environment', `${candidate} cannot read ${script}: ${result.reason}`, {
        hint: result.tail,
      })
    }
  }
  throw new AbsgdError('environment', 'no Python was found to read the script with', {
    hint: '--python PATH names one',
  })
}

function interpreters(): readonly string[] {
  const active = process.env['VIRTUAL_ENV']
  const folders = [...(active === undefined ? [] : [active]), '.venv']
  const inFolders = folders.map((folder) => join(folder, 'bin', 'python')).filter((file) => existsSync(file))
  return [...inFolders, 'python3', 'python']
}

const LIMIT_MS = 60_000
