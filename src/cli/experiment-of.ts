/** Loads the experiment of an existing run again from its file. */
import { AbsgdError } from '../errors.js'
import { experimentOfScript } from '../experiment/script-without-experiment.js'
import { loadExperiment } from '../experiment/files/load-experiment.js'
import { resolveExperiment, type ResolvedExperiment } from '../experiment/resolve-experiment.js'
import type { Manifest } from '../record/manifest.js'

/** @throws AbsgdError 'run-directory' for a run that a script launched, because it has no experiment file */
export async function experimentOf(manifest: Manifest): Promise<ResolvedExperiment> {
  const set = manifest.set === undefined ? {} : { set: manifest.set }
  if (manifest.experimentFile === undefined && manifest.config.attached === true)
    return resolveExperiment(experimentOfScript(manifest.experiment), set)
  if (manifest.experimentFile === undefined) {
    throw new AbsgdError(
      'run-directory',
      `the run "${manifest.run}" was launched by a script, not from an experiment file`,
      { hint: 'run that script again; the command line takes runs of "absgd run" alone' },
    )
  }
  const experiment = await loadExperiment(manifest.experimentFile)
  return resolveExperiment(experiment, {
    ...(manifest.arm === undefined ? {} : { arm: manifest.arm }),
    params: manifest.params,
    ...set,
  })
}
