/**
 * `summary.json`: the summary of an ended run, so that lists need not read its log. It is a cache: it is used as long as log and spool
 * do not change, and written again otherwise.
 */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { VERSION } from '../version.js'
import { runPaths } from './run-paths.js'

/** The key of a cached summary: sizes and times of logs and spool, the manifest, and the version of absgd. */
export function summaryKey(dir: string): string {
  const { steps, samples, spool, manifest } = runPaths(dir)
  const spooled = namesIn(spool).map((name) => `${name} ${stampOf(join(spool, name))}`)
  const parts = [`absgd ${VERSION}`, stampOf(steps), stampOf(samples), textOf(manifest), ...spooled]
  return createHash('sha256').update(parts.join('\n')).digest('hex')
}

/** The text that was written for this key; undefined if there is none. */
export function readSummaryText(dir: string, key: string): string | undefined {
  const text = textOf(join(dir, FILE))
  if (text === '') return undefined
  try {
    const parsed = fileSchema.safeParse(JSON.parse(text))
    return parsed.success && parsed.data.key === key ? parsed.data.summary : undefined
  } catch {
    return undefined
  }
}

/** Replaces the file atomically. If the directory is not writable, nothing is written, and the log is read each time. */
export function writeSummaryText(dir: string, key: string, summary: string): void {
  const draft = join(dir, `${FILE}.${process.pid}`)
  try {
    writeFileSync(draft, `${JSON.stringify({ format: 1, key, summary })}\n`, { mode: 0o600 })
    renameSync(draft, join(dir, FILE))
  } catch {
    rmSync(draft, { force: true })
  }
}

function namesIn(dir: string): string[] {
  try {
    return readdirSync(dir).sort()
  } catch {
    return []
  }
}

/** Size and time of a file. The time is needed because an edit may leave the size the same. */
function stampOf(path: string): string {
  const found = statSync(path, { throwIfNoEntry: false })
  return found === undefined ? '-' : `${found.size} ${found.mtimeMs}`
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

const FILE = 'summary.json'
const fileSchema = z.object({ format: z.literal(1), key: z.string(), summary: z.string() })
