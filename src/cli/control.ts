/** The controller's own process: started by `run` and `resume`, never typed. */
import { Command } from 'commander'
import { readManifest } from '../log/directory.js'
import { driveRun } from '../drive.js'
import { experimentOf } from './experiment-of.js'

export function controlCommand(): Command {
  return new Command('__control')
    .argument('<dir>')
    .option('--python <path>')
    .option('--threads <n>', '', Number)
    .action(control)
}

async function control(dir: string, options: { python?: string; threads?: number }): Promise<void> {
  // The terminal that started the run may close: training goes on.
  process.on('SIGHUP', () => undefined)
  const manifest = readManifest(dir)
  const resolved = await experimentOf(manifest)
  const run = await driveRun(
    { dir, manifest, resolved, python: options.python },
    options.threads === undefined ? {} : { threads: options.threads },
  )
  await run.result
}
