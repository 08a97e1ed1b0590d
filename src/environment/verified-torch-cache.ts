/**
 * Installations of torch, in environments that are not ours, that were imported once without trouble: a cache in the
 * user's cache folder, since nothing is written into a foreign environment. Losing it costs one import.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import type { Fingerprint } from './probe-interpreter.js'

export function verifiedTorch(env: NodeJS.ProcessEnv): readonly Fingerprint[] {
  try {
    return schema.parse(JSON.parse(readFileSync(cacheFile(env), 'utf8')))
  } catch {
    return []
  }
}

export function rememberTorch(env: NodeJS.ProcessEnv, fingerprint: Fingerprint): void {
  const others = verifiedTorch(env).filter(({ path }) => path !== fingerprint.path)
  try {
    mkdirSync(dirname(cacheFile(env)), { recursive: true })
    writeFileSync(cacheFile(env), JSON.stringify([...others, fingerprint].slice(-MAX_ENTRIES)))
  } catch {
    // A read-only home: torch is imported again next time.
  }
}

function cacheFile(env: NodeJS.ProcessEnv): string {
  const folder = env['XDG_CACHE_HOME'] ?? join(env['HOME'] ?? homedir(), '.cache')
  return join(folder, 'absgd', 'torch.json')
}

const MAX_ENTRIES = 32
const schema = z.array(z.object({ path: z.string(), modified: z.number() }))
