/** Finds the checkpoint that a run can return to: the newest complete one, in its log or in its folder. */
import { AbsgdError } from '../../errors.js'
import type { CheckpointWritten, Position } from '../../record/record.js'
import { hiddenFrom, type RewindPoint } from '../../history/visible-steps.js'
import { checkpointFiles, inspect, MISSING, problemOf } from './checkpoint-files.js'

/** The checkpoints and rewinds in the log. */
export interface LoggedCheckpoints {
  /** Checkpoints of the visible history. */
  readonly checkpoints: readonly CheckpointWritten[]
  readonly rewinds: readonly RewindPoint[]
}

export interface WholeCheckpoint {
  /** Undefined if there is no checkpoint: the run begins again. */
  readonly checkpoint: CheckpointWritten | undefined
  /** Whether the log has no record of it, because its worker died before the record was written. */
  readonly isUnrecorded: boolean
  /** A sentence about each newer checkpoint that cannot be used, and about a used checkpoint without a record. */
  readonly notes: readonly string[]
}

/**
 * The newest complete checkpoint of the run in `dir` with at most `atMost` steps.
 *
 * @throws AbsgdError 'run-directory' when there are files, and none is complete. The user must decide then.
 */
export function newestWhole(dir: string, logged: LoggedCheckpoints, atMost = Infinity): WholeCheckpoint {
  const notes: string[] = []
  const damaged: string[] = []
  const candidates = candidatesOf(dir, logged).filter(({ position }) => position.step <= atMost)
  for (const candidate of candidates) {
    const found = 'record' in candidate ? checked(dir, candidate.record) : inspect(dir, candidate)
    if ('problem' in found) {
      const problem = `${candidate.path}, ${afterSteps(candidate.position)}: ${found.problem}`
      notes.push(`a checkpoint cannot be used: ${problem}`)
      if (found.problem !== MISSING) damaged.push(problem)
      continue
    }
    const isUnrecorded = !('record' in candidate)
    if (isUnrecorded) {
      notes.push(
        `the checkpoint ${afterSteps(candidate.position)} is not in the log, as its worker died first; ${candidate.path} is whole and is used`,
      )
    }
    return { checkpoint: found.written, isUnrecorded, notes }
  }
  if (damaged.length > 0) {
    throw new AbsgdError(
      'run-directory',
      `no checkpoint of the run in ${dir} can be used: ${damaged.join('; ')}`,
      {
        hint: 'put a whole copy of one in its place, or move these files away to train again from the beginning',
      },
    )
  }
  return { checkpoint: undefined, isUnrecorded: false, notes }
}

/** Records for the complete checkpoints in the folder that are newer than all in the log; oldest first. */
export function unrecordedCheckpoints(dir: string, logged: LoggedCheckpoints): CheckpointWritten[] {
  const last = logged.checkpoints.at(-1)
  return candidatesOf(dir, logged)
    .filter((one) => !('record' in one) && (last === undefined || newestFirst(one, last) < 0))
    .flatMap((file) => {
      const found = inspect(dir, file)
      return 'written' in found ? [found.written] : []
    })
    .reverse()
}

interface Candidate {
  readonly path: string
  readonly position: Position
  readonly record?: CheckpointWritten
}

/** Newest first. Files of steps that a rewind has hidden are left out. */
function candidatesOf(dir: string, { checkpoints, rewinds }: LoggedCheckpoints): Candidate[] {
  const recorded = new Set(checkpoints.map(({ path }) => path))
  const files = checkpointFiles(dir).filter(
    ({ path, position }) => !recorded.has(path) && position.step <= hiddenFrom(rewinds, position.attempt),
  )
  const records = checkpoints.map((record) => ({ path: record.path, position: record.position, record }))
  return [...records, ...files].sort(newestFirst)
}

function newestFirst(a: { readonly position: Position }, b: { readonly position: Position }): number {
  return b.position.attempt - a.position.attempt || b.position.step - a.position.step
}

function checked(dir: string, record: CheckpointWritten) {
  const problem = problemOf(dir, record)
  return problem === undefined ? { written: record } : { problem }
}

function afterSteps({ step }: Position): string {
  return step === 1 ? 'after 1 step' : `after ${step} steps`
}
