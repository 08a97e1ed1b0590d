/**
 * `summary.json`: what became of a run that has ended, so that lists need not read its log. A copy of what the log says: it is
 * used while log and spool are what they were, and made anew otherwise.
 */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { VERSION } from '../version.js'
import { runPaths } from './run-paths.js'

/** What the text of a summary was made of: sizes and times of logs and spool, the manifest, and the version that made it. */
export function summaryKey(dir: string): string {
  const { steps, samples, spool, manifest } = runPaths(dir)
  const spooled = namesIn(spool).map((name) => `${name} ${stampOf(join(spool, name))}`)
  const parts = [`absgd ${VERSION}`, stampOf(steps), stampOf(samples), textOf(manifest), ...spooled]
  return createHash('sha256').update(parts.join('\n')).digest('hex')
}

/** The text that was written for this key; undefined where there is none. */
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

/** Replaces the file in one move. Nothing is written where the directory cannot be: the log says it all the same. */
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

/** The time too: a byte that somebody changes leaves the size as it is. */
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
