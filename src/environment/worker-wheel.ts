/** The wheel of the Python worker, for environments that install it: a release carries one, a clone builds it. */
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { AbsgdError } from '../errors.js'
import { PACKAGE_ROOT, VERSION } from '../version.js'
import { WORKER_DIRECTORY } from './install/requirements.js'
import { runCommand } from './run-command.js'

export interface WheelOptions {
  /** The interpreter that builds. @default that of `ABSGD_PYTHON`, the project's `.venv`, or python3 */
  readonly python?: string | undefined
  /** @default process.env */
  readonly env?: NodeJS.ProcessEnv
}

/**
 * The absolute path of the wheel.
 *
 * @throws AbsgdError 'environment' where no Python can build it
 */
export async function workerWheel({ python, env = process.env }: WheelOptions = {}): Promise<string> {
  const wheel = join(WORKER_DIRECTORY, 'dist', `absgd_worker-${VERSION}-py3-none-any.whl`)
  // A clone builds each time, because its sources may have changed.
  const isClone = existsSync(join(PACKAGE_ROOT, 'src'))
  if (!isClone && existsSync(wheel)) return wheel
  const own = join(PACKAGE_ROOT, '.venv', 'bin', 'python')
  const candidates = python === undefined ? [env['ABSGD_PYTHON'], own, 'python3'] : [python]
  const tried: string[] = []
  for (const candidate of new Set(candidates)) {
    if (candidate === undefined || candidate === '') continue
    const problem = await build(candidate, wheel, env)
    if (problem === undefined) return wheel
    tried.push(`${candidate}: ${problem}`)
  }
  throw new AbsgdError('environment', 'the wheel of the worker could not be built', {
    hint: `${tried.join('\n')}\nname a Python ≥ 3.10 that has pip: absgd setup --wheel --python PATH`,
  })
}

/** Builds a copy, because the backend writes into the folder that it builds. Returns what went wrong, if anything did. */
async function build(python: string, wheel: string, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const folder = mkdtempSync(join(tmpdir(), 'absgd-wheel-'))
  try {
    cpSync(join(WORKER_DIRECTORY, 'src'), join(folder, 'src'), { recursive: true, filter: isSource })
    for (const name of ['pyproject.toml', 'README.md'])
      cpSync(join(WORKER_DIRECTORY, name), join(folder, name))
    const has = await runCommand(python, ['-c', HAS_BACKEND], { env })
    // Without the backend in the environment, pip downloads it into one of its own.
    const isolation = has.status === 'ok' ? ['--no-build-isolation'] : []
    const args = ['-m', 'pip', 'wheel', '--no-deps', ...isolation, '--wheel-dir', join(folder, 'out'), folder]
    const result = await runCommand(python, args, { env })
    if (result.status === 'failed') return `${result.reason}\n${result.tail}`.trimEnd()
    const built = readdirSync(join(folder, 'out'))
    if (!built.includes(basename(wheel)))
      return `it made ${built.join(', ')} instead of ${basename(wheel)}: package.json and absgd_worker/version.py name different versions`
    mkdirSync(join(WORKER_DIRECTORY, 'dist'), { recursive: true })
    // Renamed within one folder, so that nobody installs half a wheel.
    const partial = `${wheel}.${process.pid}`
    cpSync(join(folder, 'out', basename(wheel)), partial)
    renameSync(partial, wheel)
    return undefined
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function isSource(path: string): boolean {
  return !/(^|\/)(__pycache__|[^/]*\.egg-info)$/.test(path)
}

const HAS_BACKEND =
  'import setuptools; assert tuple(map(int, setuptools.__version__.split(".")[:2])) >= (70, 1)'
