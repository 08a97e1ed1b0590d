/** Removes the directory of a run that never started. Only directories that this process created are removed. */
import { lstatSync, readdirSync, readFileSync, rmSync, rmdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { HEADER_BYTES } from './files/frame.js'
import { runPaths } from './run-paths.js'

interface Made {
  readonly device: number
  readonly inode: number
  readonly manifest: string
}

/** Created directories, by absolute path. */
const made = new Map<string, Made>()

/** Remembers a directory that this process created. Call it once the directory has its manifest. */
export function noteCreated(dir: string): void {
  const { dev: device, ino: inode } = lstatSync(dir)
  made.set(dir, { device, inode, manifest: readFileSync(runPaths(dir).manifest, 'utf8') })
}

/**
 * Removes a directory that this process created and in which nothing was recorded. It does nothing to any other directory, and nothing if
 * there is an unknown file.
 */
export function removeUnused(dir: string): void {
  const created = made.get(dir)
  if (created === undefined) return
  const { manifest, controllerLog, workerLog, steps, samples, spool, checkpoints } = runPaths(dir)
  try {
    if (!isUnused(dir, created)) return
    for (const file of [steps, samples, workerLog, controllerLog, manifest]) rmSync(file, { force: true })
    // rmdir refuses a folder that is not empty, so that files which appeared meanwhile are kept.
    for (const folder of [spool, checkpoints, dir]) rmdirSync(folder)
  } catch {
    // Something has changed: the remaining files stay.
  }
}

function isUnused(dir: string, { device, inode, manifest }: Made): boolean {
  const paths = runPaths(dir)
  const found = lstatSync(dir, { throwIfNoEntry: false })
  if (found?.dev !== device || found.ino !== inode) return false
  const known = new Set<string>(
    [...EMPTY_FOLDERS, ...LOGS, 'manifest', 'controllerLog', 'workerLog'].map(
      (name) => paths[name as keyof typeof paths],
    ),
  )
  return (
    readFileSync(paths.manifest, 'utf8') === manifest &&
    readdirSync(dir).every((name) => known.has(join(dir, name))) &&
    EMPTY_FOLDERS.every((name) => readdirSync(paths[name]).length === 0) &&
    // A worker that is started early has this file, and prints nothing before it begins.
    (statSync(paths.workerLog, { throwIfNoEntry: false })?.size ?? 0) === 0 &&
    LOGS.every((name) => (statSync(paths[name], { throwIfNoEntry: false })?.size ?? 0) <= HEADER_BYTES)
  )
}

const EMPTY_FOLDERS = ['spool', 'checkpoints'] as const
const LOGS = ['steps', 'samples'] as const
