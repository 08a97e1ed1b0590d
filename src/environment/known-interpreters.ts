/**
 * A cache of the answers of interpreters that can run the worker, in the user's cache folder. An answer is used again while the
 * interpreter and the folders in which it finds packages are unchanged: then no process has to be started.
 */
import { mkdirSync, readFileSync, realpathSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, isAbsolute, join } from 'node:path'
import { z } from 'zod'
import { cacheFolder } from '../utils/cache-folder.js'
import type { Facts } from './probe-interpreter.js'

/** What was asked, of which interpreter. */
export interface Question {
  /** As the user or the environment names it. */
  readonly python: string
  /** Names of the distributions that were looked for. */
  readonly packages: readonly string[]
  readonly env: NodeJS.ProcessEnv
}

/** The facts about the interpreter from an earlier answer; undefined if there is none, or something has changed since. */
export function knownFacts(question: Question): Facts | undefined {
  const entry = entries(question.env).find(({ key }) => key === keyOf(question))
  if (entry === undefined || entry.state !== stateOf(question.python, entry.facts)) return undefined
  return entry.facts
}

/** Keeps the facts, if they say where packages are found. */
export function rememberFacts(question: Question, facts: Facts): void {
  const key = keyOf(question)
  const state = stateOf(question.python, facts)
  if (key === undefined || state === undefined || !isItself(question.python, facts.executable)) return
  const others = entries(question.env).filter((entry) => entry.key !== key)
  // torch was imported once: the answers from the cache do not repeat its device and the seconds that it took.
  const { torch: _torch, ...kept } = facts
  const file = cacheFile(question.env)
  try {
    mkdirSync(dirname(file), { recursive: true })
    const draft = `${file}.${process.pid}`
    writeFileSync(draft, JSON.stringify([...others, { key, state, facts: kept }].slice(-MAX_ENTRIES)))
    renameSync(draft, file)
  } catch {
    // The home folder is read-only. The interpreter is asked again next time.
  }
}

/** False for a script that starts an interpreter: which one it starts may change. */
function isItself(python: string, executable: string): boolean {
  try {
    return realpathSync(python) === realpathSync(executable)
  } catch {
    return false
  }
}

/** Undefined for a name that is looked up on PATH, and where packages are found relative to the current directory. */
function keyOf({ python, packages, env }: Question): string | undefined {
  if (!python.includes('/')) return undefined
  const folders = env['PYTHONPATH'] ? env['PYTHONPATH'].split(delimiter) : []
  if (!folders.every(isAbsolute)) return undefined
  return JSON.stringify([python, packages, VARIABLES.map((name) => env[name] ?? null)])
}

/** Changes with the interpreter, its virtual environment, torch, and the packages that are installed for it. */
function stateOf(
  python: string,
  { folders, fingerprint }: Pick<Facts, 'folders' | 'fingerprint'>,
): string | undefined {
  if (folders === undefined || fingerprint === undefined) return undefined
  try {
    const files = [python, join(dirname(dirname(python)), 'pyvenv.cfg'), fingerprint.path, ...folders]
    return JSON.stringify([realpathSync(python), files.map(timeOf)])
  } catch {
    return undefined
  }
}

/** When a file, or the list of names in a folder, was last changed; empty if it does not exist. */
function timeOf(path: string): string {
  return statSync(path, { bigint: true, throwIfNoEntry: false })?.mtimeNs.toString() ?? ''
}

function entries(env: NodeJS.ProcessEnv) {
  try {
    return schema.parse(JSON.parse(readFileSync(cacheFile(env), 'utf8')))
  } catch {
    return []
  }
}

function cacheFile(env: NodeJS.ProcessEnv): string {
  return join(cacheFolder(env), 'interpreters.json')
}

/** Variables by which Python finds packages. */
const VARIABLES = ['PYTHONPATH', 'PYTHONHOME', 'PYTHONUSERBASE', 'PYTHONNOUSERSITE']
const MAX_ENTRIES = 16
const schema = z.array(
  z.object({
    key: z.string(),
    state: z.string(),
    facts: z.object({
      executable: z.string(),
      python: z.string(),
      versions: z.record(z.string(), z.string()),
      fingerprint: z.object({ path: z.string(), modified: z.number() }),
      folders: z.array(z.string()),
    }),
  }),
)
