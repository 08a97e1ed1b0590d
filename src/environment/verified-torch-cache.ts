/**
 * A cache of torch installations in the user's environments that were once imported without an error. It is in the user's cache folder,
 * because nothing is written into these environments. Without it, torch is imported once more.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { cacheFolder } from '../utils/cache-folder.js'
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
    // The home folder is read-only. torch is imported again next time.
  }
}

function cacheFile(env: NodeJS.ProcessEnv): string {
  return join(cacheFolder(env), 'torch.json')
}

const MAX_ENTRIES = 32
const schema = z.array(z.object({ path: z.string(), modified: z.number() }))
