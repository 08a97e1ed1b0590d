/** Which run "absgd watch" shows when none is named. */
import { basename } from 'node:path'
import { AbsgdError } from '../errors.js'
import { listRuns } from '../log/directory.js'
import { holderInWords, type LockHolder } from '../log/lock/holder.js'
import { lockHolder } from '../log/lock/lock.js'

interface Candidate {
  readonly dir: string
  readonly holder: LockHolder | undefined
}

/** The run to show, and what is to be said about those that were passed over; nothing where there is none. */
export interface RunToWatch {
  readonly dir: string
  readonly note?: string
}

/**
 * The newest run below `root` that trains here, else the newest that is over; where all are held elsewhere, the newest of those.
 *
 * @throws AbsgdError 'run-directory' when there is no run.
 */
export function findRunToWatch(root: string): RunToWatch {
  const found = runToWatch(listRuns(root).map((dir) => ({ dir, holder: lockHolder(dir) })))
  if (found !== undefined) return found
  throw new AbsgdError('run-directory', `there are no runs in ${root}`, {
    hint: `"absgd run experiment.ts" trains one; --runs or $ABSGD_RUNS names another root`,
  })
}

/** @param runs - The newest first; undefined where there are none */
export function runToWatch(runs: readonly Candidate[]): RunToWatch | undefined {
  const here = runs.filter((run) => !isElsewhere(run))
  const chosen = here.find(({ holder }) => holder !== undefined) ?? here[0]
  if (chosen !== undefined) {
    const leftOut = runs.filter(isElsewhere)
    return leftOut.length === 0 ? { dir: chosen.dir } : { dir: chosen.dir, note: passedOver(chosen, leftOut) }
  }
  const [newest] = runs
  if (newest?.holder === undefined) return undefined
  const name = basename(newest.dir)
  return {
    dir: newest.dir,
    note: `every run here is held elsewhere; this is what the log of ${name} holds: ${holderInWords(newest.holder)}`,
  }
}

function isElsewhere({ holder }: Candidate): boolean {
  return holder?.isElsewhere === true
}

function passedOver(chosen: Candidate, leftOut: readonly Candidate[]): string {
  const names = leftOut.slice(0, NAMED).map(({ dir }) => basename(dir))
  const more = leftOut.length > NAMED ? ` and ${leftOut.length - NAMED} more` : ''
  return `showing ${basename(chosen.dir)}; left out, as held elsewhere: ${names.join(', ')}${more} ("absgd watch RUN" shows one all the same)`
}

/** Runs that the note names. */
const NAMED = 3
