/** Creates run directories, finds them by name, and lists them. */
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { randomBytes } from 'node:crypto'
import { AbsgdError } from '../errors.js'
import type { Manifest } from '../record/manifest.js'
import { noteCreated } from './remove-unused.js'
import { readManifest } from './manifest-file.js'
import { nearest } from '../utils/nearest.js'
import { isRunName, runPaths } from './run-paths.js'

export { removeUnused } from './remove-unused.js'
export { readManifest } from './manifest-file.js'
export {
  readControllerFile,
  removeControllerFile,
  workerOf,
  writeControllerFile,
  type ControllerFile,
} from './lock/controller-file.js'
export { runPaths } from './run-paths.js'

/** @throws AbsgdError 'run-directory' for a name that could lead out of the runs root, or that a shell would interpret. */
export function checkRunName(name: string): void {
  if (isRunName(name)) return
  throw new AbsgdError('run-directory', `"${name}" cannot be the name of a run`, {
    hint: 'use 1 to 64 characters of A-Z a-z 0-9 . _ -, beginning with a letter or a digit',
  })
}

/** The folder of runs: `flag` (--runs), else $ABSGD_RUNS, else ./runs. An absolute path; the folder may not exist. */
export function runsRoot(flag?: string): string {
  return resolve(flag ?? (process.env['ABSGD_RUNS'] || 'runs'))
}

/**
 * Creates the directory of a new run atomically, with its manifest and empty folders, and returns its path.
 *
 * @throws AbsgdError 'run-directory' when the name is taken or not allowed, or the root cannot be written.
 */
export function createRunDirectory(root: string, name: string, manifest: Manifest): string {
  checkRunName(name)
  const dir = resolve(root, name)
  // The temporary name begins with a dot, which no run name does.
  const draft = resolve(root, `.${name}.${randomBytes(4).toString('hex')}`)
  try {
    makeFolders(root)
    if (lstatSync(dir, { throwIfNoEntry: false }) !== undefined) throw nameExistsError(root, name)
    mkdirSync(draft, { mode: 0o700 })
  } catch (error) {
    throw error instanceof AbsgdError ? error : cannotCreateError(dir, error)
  }
  try {
    const paths = runPaths(draft)
    for (const path of [paths.spool, paths.checkpoints]) mkdirSync(path, { mode: 0o700 })
    writeFileSync(paths.manifest, `${JSON.stringify(manifest, undefined, 2)}\n`, { mode: 0o600 })
    renameSync(draft, dir)
    noteCreated(dir)
  } catch (error) {
    rmSync(draft, { recursive: true, force: true })
    throw EXISTS.has((error as NodeJS.ErrnoException).code ?? '')
      ? nameExistsError(root, name)
      : cannotCreateError(dir, error)
  }
  return dir
}

/** Removes a directory that the caller has just created by {@link createRunDirectory}, before any training. */
export function removeNewRunDirectory(dir: string): void {
  rmSync(dir, { recursive: true, force: true })
}

/**
 * The directory of a run, given its name below `root` or a path.
 *
 * @throws AbsgdError 'run-directory' with the most similar names of runs.
 */
export function findRun(root: string, nameOrPath: string): string {
  const found = runAt(root, nameOrPath)
  if (found !== undefined) return found
  const names = listRuns(root).map((dir) => basename(dir))
  const near = nearest(nameOrPath, names)
  const folder = [join(root, nameOrPath), resolve(nameOrPath)].find((path) => existsSync(path))
  if (folder !== undefined) {
    throw new AbsgdError('run-directory', `${folder} is no run: it has neither manifest.json nor steps.log`, {
      hint: near.length > 0 ? `did you mean ${near.join(', ')}?` : 'see "absgd ls"',
    })
  }
  const others = near.length > 0 ? `did you mean ${near.join(', ')}?` : 'see "absgd ls"'
  throw new AbsgdError('run-directory', `there is no run "${nameOrPath}" in ${root}`, {
    hint: names.length === 0 ? 'there are no runs here; --runs or $ABSGD_RUNS names another root' : others,
  })
}

/** Like {@link findRun}; undefined if there is no such run. */
export function runAt(root: string, nameOrPath: string): string | undefined {
  const below = isRunName(nameOrPath) ? join(root, nameOrPath) : undefined
  return [below, resolve(nameOrPath)].find((dir) => dir !== undefined && isRunDirectory(dir))
}

/**
 * The directories of the runs below `root`, newest first; none if `root` does not exist.
 *
 * @throws AbsgdError 'run-directory' when it cannot be read.
 */
export function listRuns(root: string): string[] {
  return namesIn(root)
    .map((name) => join(root, name))
    .filter((dir) => isRunName(basename(dir)) && isRunDirectory(dir))
    .map((dir) => ({ dir, createdMs: createdMsOf(dir) }))
    .sort((a, b) => b.createdMs - a.createdMs || (a.dir < b.dir ? -1 : 1))
    .map(({ dir }) => dir)
}

/** A folder below the runs root that is not listed as a run, and why. */
export interface OtherFolder {
  readonly name: string
  readonly reason: 'no-files-of-a-run' | 'name'
}

/**
 * The folders below `root` that {@link listRuns} leaves out, sorted by name, except those whose names begin with a dot.
 *
 * @throws as {@link listRuns}
 */
export function listOtherFolders(root: string): OtherFolder[] {
  return namesIn(root)
    .filter(
      (name) => !name.startsWith('.') && statSync(join(root, name), { throwIfNoEntry: false })?.isDirectory(),
    )
    .flatMap((name): OtherFolder[] => {
      if (!isRunDirectory(join(root, name))) return [{ name, reason: 'no-files-of-a-run' }]
      return isRunName(name) ? [] : [{ name, reason: 'name' }]
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

function namesIn(root: string): string[] {
  try {
    return readdirSync(root)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return []
    throw new AbsgdError('run-directory', `cannot read the runs in ${root}: ${message}`, {
      hint: '--runs or $ABSGD_RUNS names another root',
      cause: error,
    })
  }
}

/** Damaged runs count as runs, so that they can be listed and inspected. */
function isRunDirectory(dir: string): boolean {
  const { manifest, steps } = runPaths(dir)
  return existsSync(manifest) || existsSync(steps)
}

/** Creates folders recursively. Node's option `recursive` never returns on file systems that refuse names, such as /proc. */
function makeFolders(path: string): void {
  try {
    mkdirSync(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST' && statSync(path).isDirectory()) return
    if (code !== 'ENOENT' || existsSync(dirname(path))) throw error
    makeFolders(dirname(path))
    mkdirSync(path)
  }
}

function createdMsOf(dir: string): number {
  try {
    return Date.parse(readManifest(dir).createdAt)
  } catch {
    return statSync(dir).mtimeMs
  }
}

function nameExistsError(root: string, name: string): AbsgdError {
  return new AbsgdError('run-directory', `the run "${name}" exists already in ${root}`, {
    hint: 'choose another name with --name, or remove that directory',
  })
}

function cannotCreateError(dir: string, cause: unknown): AbsgdError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new AbsgdError('run-directory', `cannot make the run directory ${dir}: ${reason}`, {
    hint: 'choose another runs root with --runs or $ABSGD_RUNS',
    cause,
  })
}

/** Error codes of a rename if another process has created the directory meanwhile. */
const EXISTS = new Set(['ENOTEMPTY', 'EEXIST', 'ENOTDIR'])
