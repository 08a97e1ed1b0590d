/** Lists the checkpoint files of a run, and checks whether a file is complete: by the hash in its record, or by its content. */
import { createHash } from 'node:crypto'
import { closeSync, fstatSync, openSync, readdirSync, readSync } from 'node:fs'
import { join } from 'node:path'
import type { CheckpointWritten, Position } from '../../record/record.js'
import { runPaths } from '../run-paths.js'
import { zipProblem } from './zip-check.js'

/** A file with the name of a checkpoint. A file that is still being written has another name. */
export interface CheckpointFile {
  /** Relative to the run directory. */
  readonly path: string
  readonly position: Position
}

/** The checkpoint files of the run in `dir`, unsorted; none if the folder cannot be read. */
export function checkpointFiles(dir: string): CheckpointFile[] {
  return namesIn(runPaths(dir).checkpoints).flatMap((name) => {
    const [, step, attempt] = NAME.exec(name) ?? []
    if (step === undefined) return []
    return [{ path: `checkpoints/${name}`, position: { attempt: Number(attempt), step: Number(step) } }]
  })
}

/** Why a recorded checkpoint cannot be used; undefined if the file is complete. An empty hash is not compared. */
export function problemOf(
  dir: string,
  { path, sha256, bytes }: Pick<CheckpointWritten, 'path' | 'sha256' | 'bytes'>,
): string | undefined {
  return reading(join(dir, path), (fd) => {
    const { size } = fstatSync(fd)
    if (size !== bytes) return `it has ${size} bytes, not the ${bytes} that were written`
    const found = sha256Of(fd)
    if (sha256 === '' || found === sha256.toLowerCase()) return undefined
    return `its SHA-256 is ${found}, not ${sha256}: it is not what was written`
  })
}

/** For a checkpoint file without a record: the record that it would have, or the reason why it is not complete. */
export function inspect(
  dir: string,
  { path, position }: CheckpointFile,
): { readonly written: CheckpointWritten } | { readonly problem: string } {
  let written: CheckpointWritten | undefined
  const problem = reading(join(dir, path), (fd) => {
    const found = path.endsWith('.json') ? jsonProblem(fd) : zipProblem(fd)
    if (found !== undefined) return found
    const { size } = fstatSync(fd)
    const facts = { path, sha256: sha256Of(fd), bytes: size, seconds: 0, deleted: [] }
    written = { type: 'checkpoint-written', position, ...facts }
    return undefined
  })
  return written === undefined ? { problem: problem ?? 'it cannot be read' } : { written }
}

function reading(file: string, look: (fd: number) => string | undefined): string | undefined {
  let fd: number
  try {
    fd = openSync(file, 'r')
  } catch (error) {
    return isMissing(error) ? MISSING : `it cannot be read: ${wordsOf(error)}`
  }
  try {
    return look(fd)
  } catch (error) {
    return `it cannot be read: ${wordsOf(error)}`
  } finally {
    closeSync(fd)
  }
}

/** The checkpoint file of a simulated worker, which begins with its format. */
function jsonProblem(fd: number): string | undefined {
  const text = Buffer.alloc(fstatSync(fd).size)
  readSync(fd, text, 0, text.length, 0)
  try {
    const value: unknown = JSON.parse(text.toString())
    if (typeof value === 'object' && value !== null && 'format' in value) return undefined
  } catch {
    // It is no JSON; the result below says so.
  }
  return 'it is no whole checkpoint: its JSON cannot be read'
}

function sha256Of(fd: number): string {
  const hash = createHash('sha256')
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES)
  for (let offset = 0; ;) {
    const count = readSync(fd, chunk, 0, chunk.length, offset)
    if (count === 0) return hash.digest('hex')
    hash.update(chunk.subarray(0, count))
    offset += count
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).flatMap((one) => (one.isFile() ? [one.name] : []))
  } catch {
    return []
  }
}

function isMissing(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** The problem of a file that does not exist. */
export const MISSING = 'it is not there any more'
const NAME = /^step-(\d{9,})\.(\d+)(?:\.auto)?\.(?:pt|json)$/
const CHUNK_BYTES = 1 << 20
