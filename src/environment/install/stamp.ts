/** `absgd.json` in a virtual environment: it shows that absgd created the environment and may install into it. */
import { existsSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { pythonOf } from '../interpreter-candidates.js'
import type { Fingerprint } from '../probe-interpreter.js'
import { partsOf, requirementsHash, type Extra } from './requirements.js'

/** Versions in the worker's environment, by name: python, torch, pyzmq, protobuf and the packages of the extras. */
export type Versions = Readonly<Record<string, string>>

export type Stamp =
  /** A setup is running, or was interrupted. */
  | { readonly status: 'installing'; readonly pid: number }
  | {
      readonly status: 'ready'
      /** Hash of the pins that were installed, by part. */
      readonly parts: Readonly<Record<string, string>>
      readonly versions: Versions
      readonly torch: Fingerprint
    }

/** The stamp; undefined if absgd did not create the environment. */
export function readStamp(venv: string): Stamp | undefined {
  let text: string
  try {
    text = readFileSync(stampFile(venv), 'utf8')
  } catch {
    return undefined
  }
  try {
    return schema.parse(JSON.parse(text))
  } catch {
    // The stamp is damaged, but absgd created the environment: setup completes it again.
    return { status: 'installing', pid: 0 }
  }
}

export function writeStamp(venv: string, stamp: Stamp): void {
  const file = stampFile(venv)
  writeFileSync(`${file}.${process.pid}`, `${JSON.stringify({ format: FORMAT, ...stamp }, null, 2)}\n`)
  renameSync(`${file}.${process.pid}`, file)
}

/** Whether the environment still matches its stamp and has the extras. It starts no process. */
export function isCurrent(venv: string, stamp: Stamp, extras: readonly Extra[]): boolean {
  if (stamp.status !== 'ready' || !existsSync(pythonOf(venv))) return false
  if (partsOf(extras).some((part) => stamp.parts[part] !== requirementsHash(part))) return false
  const torch = statSync(stamp.torch.path, { throwIfNoEntry: false })
  return torch !== undefined && Math.floor(torch.mtimeMs / 1000) === stamp.torch.modified
}

function stampFile(venv: string): string {
  return join(venv, 'absgd.json')
}

const FORMAT = 1

const schema = z.discriminatedUnion('status', [
  z.object({ format: z.literal(FORMAT), status: z.literal('installing'), pid: z.number().int() }),
  z.object({
    format: z.literal(FORMAT),
    status: z.literal('ready'),
    parts: z.record(z.string(), z.string()),
    versions: z.record(z.string(), z.string()),
    torch: z.object({ path: z.string(), modified: z.number() }),
  }),
])
