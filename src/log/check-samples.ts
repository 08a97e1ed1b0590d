/** Checks whether the log of samples can be read to its end. */
import { statSync } from 'node:fs'
import { openCursor, type Damage } from './files/frame-cursor.js'
import { lockHolder } from './lock/run-lock.js'
import { runPaths } from './run-paths.js'
import { emptyReport, noteEnd } from './files/read-problems.js'

/** The damage of the log of samples, found by its checksums. A log above `limit` bytes is not checked. */
export async function checkSamples(dir: string, limit: number): Promise<readonly Damage[]> {
  const { samples } = runPaths(dir)
  const size = statSync(samples, { throwIfNoEntry: false })?.size ?? 0
  if (size === 0 || size > limit) return []
  const writing = lockHolder(dir) !== undefined
  const report = emptyReport()
  const cursor = openCursor(samples, 'samples')
  try {
    for await (const frames of cursor.blocks()) for (const _ of frames);
    noteEnd(cursor, writing, report)
  } finally {
    await cursor.close()
  }
  return report.damage
}
