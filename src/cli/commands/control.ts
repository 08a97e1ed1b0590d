/** `absgd __control`: the process of the controller. Started by `run`, `resume` and others; users do not type it. */
import { Command } from 'commander'
import { readManifest } from '../../log/run-directory.js'
import { driveRun } from '../../run/drive.js'
import { experimentOf } from '../experiment-of.js'

export function controlCommand(): Command {
  return new Command('__control')
    .argument('<dir>')
    .option('--python <path>')
    .option('--threads <n>', '', Number)
    .option('--take-over')
    .action(control)
}

interface ControlOptions {
  readonly python?: string
  readonly threads?: number
  readonly takeOver?: true
}

async function control(dir: string, options: ControlOptions): Promise<void> {
  // Ignores SIGHUP: training goes on when the terminal closes.
  process.on('SIGHUP', () => undefined)
  const manifest = readManifest(dir)
  const resolved = await experimentOf(manifest)
  const run = await driveRun(
    { dir, manifest, resolved, python: options.python },
    {
      takeOver: options.takeOver === true,
      ...(options.threads === undefined ? {} : { threads: options.threads }),
    },
  )
  await run.result
}
