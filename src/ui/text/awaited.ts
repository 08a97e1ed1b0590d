/** What a run waits for until its worker joins, as text. */
import type { RunConfig } from '../../record/manifest.js'
import { sanitize } from './sanitize.js'

/** `waiting for Python to import torch and to build task.py:build`. */
export function awaitedInWords({ task, directory, attached, simulated }: RunConfig): string {
  if (simulated === true) return 'waiting for the simulated worker'
  if (attached === true) return 'waiting for a script that is started by hand'
  // The folder of a task is in the lines about the run. A script is shown with its arguments, which may be paths.
  const name = directory === undefined ? task.slice(task.lastIndexOf('/') + 1) : task
  const then = directory === undefined ? `to build ${name}` : `for the first step of ${name}`
  return sanitize(`waiting for Python to import torch, and ${then}`)
}
