/** Reads and checks `manifest.json`. */
import { readFileSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { z } from 'zod'
import { AbsgdError } from '../errors.js'
import { MIRRORS } from '../record/mirror.js'
import type { Manifest } from '../record/manifest.js'
import { isRunName, runPaths } from './run-paths.js'

/**
 * The manifest of the run in `dir`. Its `run` is the name of the directory, also if that was renamed or copied.
 *
 * @throws AbsgdError 'run-directory' when the file is missing, damaged, or has a newer format.
 */
export function readManifest(dir: string): Manifest {
  const path = runPaths(dir).manifest
  let value: unknown
  try {
    value = JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    const problem = error instanceof SyntaxError ? 'it is no JSON' : (error as Error).message
    throw new AbsgdError('run-directory', `cannot read ${path}: ${problem}`, { cause: error })
  }
  const parsed = manifestSchema.safeParse(value)
  if (parsed.success) return named(dir, parsed.data as Manifest)
  const problems = parsed.error.issues.map(
    ({ path: at, message }) => `${at.join('.') || 'the file'}: ${message}`,
  )
  throw new AbsgdError('run-directory', `${path} is no manifest of this version: ${problems.join('; ')}`, {
    hint: 'a manifest is written once and never changed; install the version of absgd that made the run',
  })
}

function named(dir: string, manifest: Manifest): Manifest {
  const name = basename(resolve(dir))
  return isRunName(name) ? { ...manifest, run: name } : manifest
}

const text = z.string()
const count = z.number().nonnegative()

const weightingSchema = z.discriminatedUnion('preset', [
  z.object({ preset: z.literal('default') }),
  z.object({ preset: z.literal('paper') }),
  z.object({ preset: z.literal('reference'), alpha: z.number().positive(), floor: z.boolean() }),
])

const manifestSchema = z.object({
  format: z.literal(1, { error: ({ input }) => `is ${String(input)}; this version reads format 1` }),
  run: text,
  experiment: text,
  arm: text.optional(),
  createdAt: text.refine((value) => !Number.isNaN(Date.parse(value)), 'is no date'),
  version: text,
  experimentFile: text.optional(),
  params: z.record(text, z.unknown()),
  set: z.record(text, text).optional(),
  parent: z.object({ run: text, dir: text, step: count }).optional(),
  config: z.object({
    task: text,
    length: text,
    evaluate: text,
    checkpoint: text,
    objective: z.object({ metric: text, goal: z.enum(['maximize', 'minimize']) }).optional(),
    controls: z.record(text, text),
    sampleEvery: count,
    sampleQuotaBytes: count,
    orphanLimitSeconds: count,
    keepCheckpoints: count,
    mirror: z.array(z.enum(MIRRORS)).optional(),
    weighting: weightingSchema.optional(),
    directory: text.optional(),
    attached: z.literal(true).optional(),
    simulated: z.literal(true).optional(),
    stepsPerSecond: z.number().positive().optional(),
  }),
})
