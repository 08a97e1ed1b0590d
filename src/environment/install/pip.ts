/** Installs by the pip of the environment, with the user's configuration of pip. */
import { dirname } from 'node:path'
import { runCommand } from '../run-command.js'
import { announceTorch } from './disk-space.js'
import { installError, runInstaller, type Installer, type InstallerOptions } from './installer.js'
import { chooseTorch } from './torch-build.js'

export function createPip(basePython: string, options: InstallerOptions): Installer {
  const { env, offline, report } = options
  return {
    name: 'pip',

    async makeVenv(venv) {
      const args = ['-m', 'venv', venv]
      const result = await runCommand(basePython, args, { env })
      if (result.status === 'failed')
        throw installError(`${venv} could not be made`, [basePython, ...args], result)
    },

    async install(python, requirements, { torch }) {
      const wanted = [...requirements]
      if (torch) {
        const choice = await chooseTorch(python, { env, offline })
        announceTorch(choice, { directory: dirname(python), uv: false, report })
        wanted.push(choice.requirement)
      }
      const noIndex = offline ? ['--no-index'] : []
      const args = ['-m', 'pip', 'install', '--progress-bar', 'off', ...noIndex, ...wanted]
      const result = await runInstaller(python, args, options)
      if (result.status === 'failed') throw installError('pip could not install', [python, ...args], result)
    },
  }
}
