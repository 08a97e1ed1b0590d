/** The controller's own process: started by `run` and `resume`, never typed. */
import { Command } from 'commander'
import { AbsgdError } from '../errors.js'
import { loadExperiment } from '../experiment/load.js'
import { resolveExperiment } from '../experiment/resolve.js'
import { readManifest } from '../log/directory.js'
import { driveRun } from '../drive.js'

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
  if (manifest.experimentFile === undefined) {
    throw new AbsgdError(
      'run-directory',
      `the run "${manifest.run}" was launched by a script, not from an experiment file`,
      {
        hint: 'run that script again; only runs of "absgd run" can be resumed from the command line',
      },
    )
  }
  const experiment = await loadExperiment(manifest.experimentFile)
  const resolved = resolveExperiment(experiment, {
    ...(manifest.arm === undefined ? {} : { arm: manifest.arm }),
    params: manifest.params,
  })
  const run = await driveRun(
    { dir, manifest, resolved, python: options.python },
    options.threads === undefined ? {} : { threads: options.threads },
  )
  await run.result
}
