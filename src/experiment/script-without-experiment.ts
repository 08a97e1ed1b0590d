/** The experiment of a script that nobody has written one for. */
import { defineExperiment, type Experiment } from './define-experiment.js'

/** Lambda is off until somebody sets it, and the run ends with the script. */
export function experimentOfScript(name: string): Experiment {
  return defineExperiment({ name })
}
