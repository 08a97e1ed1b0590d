/** Writes and reads checkpoints of simulated workers, atomically. Files are named like those of a Python worker. */
import { createHash } from 'node:crypto'
import {
  closeSync,
  copyFileSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { AbsgdError } from '../../errors.js'
import type { CheckpointWritten, Position } from '../../record/record.js'
import { problemOf } from './checkpoint-files.js'
import { runPaths } from '../run-paths.js'

/** Facts about a written checkpoint file. */
export type WrittenFile = Pick<CheckpointWritten, 'path' | 'sha256' | 'bytes' | 'deleted'>

/**
 * Writes a checkpoint of the run in `dir` to a temporary file, syncs it and renames it. Earlier checkpoints stay: `deleted` names those
 * that may be deleted, so that the `keep` newest stay (0: all) and the last three automatic ones. Call `deleteCheckpoints` once the
 * record of the new checkpoint is on disk.
 *
 * @throws AbsgdError 'run-directory' when the disk refuses; earlier checkpoints are untouched.
 */
export function writeCheckpoint(
  dir: string,
  { attempt, step }: Position,
  bytes: Uint8Array,
  keep: number,
  automatic = false,
): WrittenFile {
  const { checkpoints } = runPaths(dir)
  const file = join(
    checkpoints,
    `step-${String(step).padStart(9, '0')}.${attempt}${automatic ? '.auto' : ''}.json`,
  )
  const draft = `${file}.unfinished`
  try {
    mkdirSync(checkpoints, { recursive: true, mode: 0o700 })
    writeSynced(draft, bytes)
    renameSync(draft, file)
  } catch (error) {
    rmSync(draft, { force: true })
    throw problem(`no checkpoint could be written to ${checkpoints}`, error, 'earlier ones are untouched')
  }
  return {
    path: pathOf(file),
    sha256: sha256Of(bytes),
    bytes: bytes.length,
    deleted: superseded(checkpoints, basename(file), automatic ? AUTOMATIC_KEPT : keep, automatic),
  }
}

/** Deletes checkpoints by path. A file that cannot be deleted stays, and is named again by the next checkpoint. */
export function deleteCheckpoints(dir: string, paths: readonly string[]): void {
  for (const path of paths) {
    try {
      rmSync(resolve(dir, path), { force: true })
    } catch {
      // The next checkpoint names the file again.
    }
  }
}

/**
 * The bytes of a checkpoint. A relative path is relative to the run directory.
 *
 * @throws AbsgdError 'run-directory' when the file is missing, or its hash is not `sha256`. An empty hash is not compared.
 */
export function readCheckpoint(dir: string, path: string, sha256: string): Uint8Array {
  const file = resolve(dir, path)
  let bytes: Uint8Array
  try {
    bytes = readFileSync(file)
  } catch (error) {
    throw problem(`the checkpoint ${file} cannot be read`, error, 'take another one')
  }
  const found = sha256Of(bytes)
  if (sha256 === '' || found === sha256.toLowerCase()) return bytes
  throw new AbsgdError(
    'run-directory',
    `the checkpoint ${file} is not the one that was written: its SHA-256 is ${found}, not ${sha256}`,
    { hint: 'take an earlier one' },
  )
}

/**
 * Copies a checkpoint from the run `from` to the run `to`, where its name is made from `position`. Returns its path in `to`.
 *
 * @throws AbsgdError 'run-directory' when the disk refuses, or the copy does not match the record `checkpoint`
 */
export function copyCheckpoint({
  from,
  checkpoint,
  to,
  position: { attempt, step },
}: {
  readonly from: string
  readonly checkpoint: Pick<CheckpointWritten, 'path' | 'sha256' | 'bytes'>
  readonly to: string
  readonly position: Position
}): string {
  const { path } = checkpoint
  const extension = path.slice(path.lastIndexOf('.'))
  const copy = join(runPaths(to).checkpoints, `step-${String(step).padStart(9, '0')}.${attempt}${extension}`)
  try {
    copyFileSync(resolve(from, path), copy)
  } catch (error) {
    throw problem(`the checkpoint ${path} of ${from} cannot be copied`, error, 'make room on the disk')
  }
  const wrong = problemOf(to, { ...checkpoint, path: pathOf(copy) })
  if (wrong === undefined) return pathOf(copy)
  throw new AbsgdError('run-directory', `the copy ${copy} of the checkpoint ${path} is not whole: ${wrong}`, {
    hint: 'try again',
  })
}

function writeSynced(file: string, bytes: Uint8Array): void {
  const descriptor = openSync(file, 'w', 0o600)
  try {
    for (let written = 0; written < bytes.length;) written += writeSync(descriptor, bytes, written)
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/** Paths of the checkpoints of the same kind that are older than the `keep` newest. The new one is always kept. */
function superseded(checkpoints: string, newest: string, keep: number, automatic: boolean): string[] {
  if (keep === 0) return []
  const others = readdirSync(checkpoints)
    .flatMap((name) => {
      const [, step, attempt, auto] = NAME.exec(name) ?? []
      return step === undefined || name === newest || (auto !== undefined) !== automatic
        ? []
        : [{ name, step: Number(step), attempt: Number(attempt) }]
    })
    .sort((a, b) => b.attempt - a.attempt || b.step - a.step)
  return others.slice(keep - 1).map(({ name }) => pathOf(name))
}

function pathOf(file: string): string {
  return `checkpoints/${basename(file)}`
}

function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function problem(what: string, cause: unknown, hint: string): AbsgdError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new AbsgdError('run-directory', `${what}: ${reason}`, { hint, cause })
}

const AUTOMATIC_KEPT = 3
const NAME = /^step-(\d{9,})\.(\d+)(\.auto)?\.json$/
