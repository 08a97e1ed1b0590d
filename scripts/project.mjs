// What the scripts share: the project's folder and its own Python environment.
import { spawn, spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))
export const python = join(root, '.venv', 'bin', 'python')

/** An environment that happens to be active must not decide what is tested: the project's `.venv` does. */
export function environment() {
  const { VIRTUAL_ENV: _venv, CONDA_PREFIX: _conda, PYTHONPATH: _path, ...env } = process.env
  return { ...env, ABSGD_PYTHON: python }
}

/** Runs a program to its end and ends this process where it fails. */
export function must(command, args, env = process.env, stdout = 'inherit') {
  const { status, error } = spawnSync(command, args, {
    cwd: root,
    stdio: ['inherit', stdout, 'inherit'],
    env,
  })
  if (error !== undefined) console.error(`${command}: ${error.message}`)
  if (status !== 0) process.exit(status ?? 1)
}

/** Builds, and sets up `.venv` with all that tests, checks and the demo need. Seconds when nothing is to be done. What it says goes to stderr. */
export function setUp() {
  must(process.execPath, ['scripts/build.mjs'], process.env, STDERR)
  const { ABSGD_PYTHON: _own, ...env } = environment()
  must(process.execPath, ['dist/cli/main.js', 'setup', '--demo', '--dev'], env, STDERR)
}

const STDERR = 2

/** Runs a program; what it printed comes back when it has ended. */
export function capture(command, args) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], env: environment() })
    const chunks = []
    child.stdout.on('data', (chunk) => chunks.push(chunk))
    child.stderr.on('data', (chunk) => chunks.push(chunk))
    child.on('error', (error) => resolve({ code: 1, output: error.message }))
    child.on('close', (code) => resolve({ code, output: Buffer.concat(chunks).toString() }))
  })
}
