/** Mirrors of a run in TensorBoard, wandb and MLflow: `absgd_worker.mirrors`, which the run's Python runs with the user's packages. */
import { delimiter } from 'node:path'
import { runCommand } from '../environment/run-command.js'
import { AbsgdError } from '../errors.js'
import type { MirrorName } from '../record/mirror.js'
import { PACKAGE } from '../worker/local.js'

/** How the program that writes mirrors is started; lines of JSON are its input. */
export function mirrorCommand(
  dir: string,
  names: readonly MirrorName[],
  { project }: { readonly project?: string },
): { readonly args: readonly string[]; readonly env: NodeJS.ProcessEnv } {
  const args = ['-m', 'absgd_worker.mirrors', '--to', names.join(','), '--folder', dir]
  return {
    args: [...args, ...(project === undefined ? [] : ['--project', project])],
    env: mirrorEnvironment(),
  }
}

/**
 * Checks that the interpreter has the packages of the mirrors, without importing them.
 *
 * @throws AbsgdError 'environment' naming the package that is missing
 */
export async function requireMirrors(python: string, names: readonly MirrorName[]): Promise<void> {
  if (names.length === 0) return
  const args = ['-m', 'absgd_worker.mirrors', '--check', '--to', names.join(','), '--folder', '.']
  const result = await runCommand(python, args, { env: mirrorEnvironment(), timeoutMs: CHECK_MS })
  if (result.status === 'ok') return
  throw new AbsgdError('environment', result.tail.replace(/^absgd mirror: /, '') || result.reason, {
    hint: 'nothing has been trained; without --mirror (or mirror of the experiment) it trains as it is',
  })
}

function mirrorEnvironment(): NodeJS.ProcessEnv {
  return {
    ...process.env,
    PYTHONPATH: [PACKAGE, process.env['PYTHONPATH'] ?? ''].filter(Boolean).join(delimiter),
  }
}

const CHECK_MS = 30_000
