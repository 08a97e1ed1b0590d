/** Detects a run whose log of steps is missing, although other files show that it was trained. */
import { readdirSync, statSync } from 'node:fs'
import { basename } from 'node:path'
import { AbsgdError } from '../errors.js'
import { HEADER_BYTES } from './files/frame.js'
import { runPaths } from './run-paths.js'

/**
 * Refuses to start a run again over the files of an earlier training, because its checkpoints would be overwritten and deleted.
 *
 * Call it when the log of steps has no record of a worker. Edits and rewinds are unknown then, so that the run cannot be continued from
 * its checkpoints.
 *
 * @throws AbsgdError 'log'
 */
export function refuseLostLog(dir: string): void {
  const { steps, samples, checkpoints } = runPaths(dir)
  const left = [
    ...(filesIn(checkpoints).length > 0 ? ['checkpoints'] : []),
    ...(sizeOf(samples) > HEADER_BYTES ? ['samples.log'] : []),
  ]
  if (left.length === 0) return
  const size = statSync(steps, { throwIfNoEntry: false })?.size
  const what = size === undefined ? 'is missing' : `holds no record of its training, in ${size} bytes`
  throw new AbsgdError(
    'log',
    `the run "${basename(dir)}" cannot be gone on with: its steps.log ${what}, but it was trained, as ${left.join(' and ')} show`,
    { hint: 'nothing was changed: put the log back, or start another run with "absgd run"' },
  )
}

function filesIn(directory: string): unknown[] {
  try {
    return readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isFile())
  } catch {
    return []
  }
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0
}
