/** Run directories that this process made: nothing else is ever removed as a whole. */
import { lstatSync, readdirSync, readFileSync, rmSync, rmdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { HEADER_BYTES } from './files/frame.js'
import { runPaths } from './run-paths.js'

interface Made {
  readonly device: number
  readonly inode: number
  readonly manifest: string
}

/** By path, absolute. */
const made = new Map<string, Made>()

/** To be called once the directory has its manifest. */
export function noteCreated(dir: string): void {
  const { dev: device, ino: inode } = lstatSync(dir)
  made.set(dir, { device, inode, manifest: readFileSync(runPaths(dir).manifest, 'utf8') })
}

/**
 * Removes the directory of a run that never began: one that this very process made, and in which nothing was recorded. Does
 * nothing to any other, and stops at the first thing that it does not know.
 */
export function removeUnused(dir: string): void {
  const created = made.get(dir)
  if (created === undefined) return
  const { manifest, controllerLog, steps, samples, spool, checkpoints } = runPaths(dir)
  try {
    if (!isUnused(dir, created)) return
    for (const file of [steps, samples, controllerLog, manifest]) rmSync(file, { force: true })
    // Only where they are empty, so that nothing goes which came in between.
    for (const folder of [spool, checkpoints, dir]) rmdirSync(folder)
  } catch {
    // Something is not as it was made: the rest stays.
  }
}

function isUnused(dir: string, { device, inode, manifest }: Made): boolean {
  const paths = runPaths(dir)
  const found = lstatSync(dir, { throwIfNoEntry: false })
  if (found?.dev !== device || found.ino !== inode) return false
  const known = new Set<string>(
    [...EMPTY_FOLDERS, ...LOGS, 'manifest', 'controllerLog'].map((name) => paths[name as keyof typeof paths]),
  )
  return (
    readFileSync(paths.manifest, 'utf8') === manifest &&
    readdirSync(dir).every((name) => known.has(join(dir, name))) &&
    EMPTY_FOLDERS.every((name) => readdirSync(paths[name]).length === 0) &&
    LOGS.every((name) => (statSync(paths[name], { throwIfNoEntry: false })?.size ?? 0) <= HEADER_BYTES)
  )
}

const EMPTY_FOLDERS = ['spool', 'checkpoints'] as const
const LOGS = ['steps', 'samples'] as const
