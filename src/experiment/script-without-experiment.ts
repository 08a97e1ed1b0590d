/** A default experiment for a script without an experiment file. */
import { defineExperiment, type Experiment } from './define-experiment.js'

/** Lambda is off until it is set, and the run ends with the script. */
export function experimentOfScript(name: string): Experiment {
  return defineExperiment({ name })
}
