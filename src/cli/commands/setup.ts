/** `absgd setup`: finds a Python environment for workers, or makes one. */
import { Command, Option } from 'commander'
import { ensureEnvironment } from '../../environment/ensure-environment.js'
import { EXTRAS } from '../../environment/install/requirements.js'
import { workerWheel } from '../../environment/worker-wheel.js'

interface SetupFlags {
  readonly python?: string
  readonly demo?: true
  readonly dev?: true
  readonly install?: true
  readonly offline?: true
  readonly wheel?: true
}

export function setupCommand(): Command {
  return new Command('setup')
    .description('Find the Python that workers run in, or make one in ./.venv.')
    .option('--python <path>', 'use this interpreter or virtual environment')
    .option('--demo', 'with what the demo needs')
    .option('--dev', 'with what developing absgd needs')
    .option('--install', 'install what is missing into an environment of your own')
    .option('--offline', 'install only from folders of wheels that pip or uv is configured with')
    .addOption(
      new Option('--wheel', 'print the path of the wheel of absgd_worker, and do nothing else').conflicts([
        'demo',
        'dev',
        'install',
        'offline',
      ]),
    )
    .addHelpText('after', HELP)
    .action(setup)
}

async function setup(flags: SetupFlags): Promise<void> {
  if (flags.wheel) {
    process.stdout.write(`${await workerWheel({ python: flags.python })}\n`)
    return
  }
  const environment = await ensureEnvironment({
    directory: process.cwd(),
    python: flags.python,
    extras: EXTRAS.filter((extra) => flags[extra]),
    install: flags.install,
    offline: flags.offline,
    report: (line) => void process.stderr.write(`${line}\n`),
  })
  const { python, ...packages } = environment.versions
  const versions = Object.entries(packages).map(([name, version]) => `${name} ${version}`)
  process.stdout.write(`Python ${python} at ${environment.python}\n  ${versions.join(' · ')}\n`)
}

const HELP = `
Looked at, in this order: --python, $ABSGD_PYTHON, the active virtual or conda
environment, the project's .venv. An environment that absgd did not make is only
installed into with --install.

  pip install "$(npx absgd setup --wheel)"      absgd-run in your environment`
