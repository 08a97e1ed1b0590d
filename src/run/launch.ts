/** Runs that a script launches: the controller runs in the script's own process. */
import type { DriveOptions } from './drive.js'
import { AbsgdError } from '../errors.js'
import type { Experiment } from '../experiment/define-experiment.js'
import { removeUnused } from '../log/run-directory.js'
import type { PrepareOptions } from './prepare.js'
import type { Run } from '../experiment/run-handle.js'

export interface LaunchOptions
  extends
    Omit<PrepareOptions, 'experiment' | 'experimentFile'>,
    Omit<DriveOptions, 'takeOver' | 'early' | 'forks'> {}

/**
 * Starts a run of `experiment` under a controller in this process.
 *
 * @throws AbsgdError when the experiment, its parameters, the environment or the run's name is invalid; no run directory is left then.
 */
export async function launch(experiment: Experiment, options: LaunchOptions = {}): Promise<Run> {
  if (options.signal?.aborted === true)
    throw new AbsgdError('usage', 'the signal was aborted before the run began')
  // Loaded only here, because every experiment file imports this package, and most launch nothing.
  const [{ prepareRun }, { driveRun }] = await Promise.all([import('./prepare.js'), import('./drive.js')])
  const prepared = await prepareRun({ ...options, experiment })
  try {
    return await driveRun(prepared, options)
  } catch (error) {
    removeUnused(prepared.dir)
    throw error
  }
}
