/** Installs by uv, which is faster than pip and finds a CPU build of torch by itself. */
import { dirname } from 'node:path'
import { runCommand } from '../run-command.js'
import { announceTorch } from './disk-space.js'
import { installError, runInstaller, type Installer, type InstallerOptions } from './installer.js'
import { PYTHON_MINIMUM, TORCH_RANGE } from './requirements.js'
import { hasNvidiaDriver } from './torch-build.js'

/** `basePython` is undefined if uv has to download a Python. */
export function createUv(uv: string, basePython: string | undefined, options: InstallerOptions): Installer {
  const offline = options.offline ? ['--offline'] : []
  return {
    name: 'uv',

    async makeVenv(venv) {
      // With pip inside, which users expect in a virtual environment. It is downloaded from the index.
      const seed = options.offline ? [] : ['--seed']
      const python = basePython ?? `>=${PYTHON_MINIMUM}`
      const args = ['venv', '--quiet', ...seed, '--allow-existing', '--python', python, ...offline, venv]
      const result = await runCommand(uv, args, { env: options.env })
      if (result.status === 'failed') throw installError(`${venv} could not be made`, [uv, ...args], result)
    },

    async install(python, requirements, { torch }) {
      const args = ['pip', 'install', '--python', python, ...offline, ...requirements]
      if (torch) args.push(TORCH_RANGE)
      if (torch && (await installForThisMachine(uv, args, dirname(python), options))) return
      const result = await runInstaller(uv, args, options)
      if (result.status === 'failed') throw installError('uv could not install', [uv, ...args], result)
    },
  }
}

/**
 * Installs torch from the index with the build for this machine, which uv knows. False if that index does not answer, or if the user has
 * set a backend.
 */
async function installForThisMachine(
  uv: string,
  args: readonly string[],
  directory: string,
  options: InstallerOptions,
): Promise<boolean> {
  if (options.env['UV_TORCH_BACKEND'] !== undefined) return false
  const ordinary = { requirement: TORCH_RANGE, cpu: false }
  if (!options.offline) {
    const gpu = hasNvidiaDriver()
    if (gpu) announceTorch(ordinary, { directory, uv: true, report: options.report })
    const result = await runInstaller(uv, [...args, '--torch-backend=auto'], options)
    if (result.status === 'ok') return true
    options.report(
      'uv could not install from the index of torch builds that it knows; now the ordinary index',
    )
    if (gpu) return false
  }
  announceTorch(ordinary, { directory, uv: true, report: options.report })
  return false
}
