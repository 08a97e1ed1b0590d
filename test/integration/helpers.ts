/** Real runs of a tiny task: real worker process, real sockets, real files. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import { z } from 'zod'
import { defineExperiment, launch, type ExperimentSpec, type LaunchOptions } from '../../src/index.js'
import { readAll } from '../../src/log/read-run.js'
import type { Body, LogRecord } from '../../src/record/record.js'
import { PYTHON } from '../helpers/python.js'

export { PYTHON } from '../helpers/python.js'

export const TINY = `${fileURLToPath(new URL('fixtures/tiny.py', import.meta.url))}:build`

export const tinyParams = z.object({
  seed: z.number().int().default(0),
  fault: z.string().default(''),
  size: z.number().int().default(100),
  batchSize: z.number().int().default(8),
  /** Whether the task predicts its data, and names its samples. */
  predict: z.boolean().default(false),
  /** Seconds that a step sleeps. */
  pace: z.number().default(0),
})

/** 13 steps an epoch; λ moves so that a wrong step shows. */
export function tiny(overrides: Partial<ExperimentSpec<typeof tinyParams>> = {}) {
  return defineExperiment({
    name: 'tiny',
    worker: { task: TINY },
    params: tinyParams,
    length: 100,
    evaluate: 'end',
    checkpoint: 'end',
    controls: { lambda: 2, gamma: 0.9 },
    ...overrides,
  })
}

export function runsFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'absgd-test-'))
  onTestFinished(() => {
    rmSync(folder, { recursive: true, force: true })
  })
  return folder
}

export function launchTiny(
  overrides: Partial<ExperimentSpec<typeof tinyParams>> = {},
  options: LaunchOptions = {},
) {
  return launch(tiny(overrides), {
    runs: runsFolder(),
    python: PYTHON,
    threads: 1,
    handleSignals: false,
    ...options,
  })
}

export async function recordsOf(dir: string): Promise<LogRecord[]> {
  return (await readAll(dir)).records
}

/** The bodies of one type, in the order of the log. */
export async function bodiesOf<T extends Body['type']>(
  dir: string,
  type: T,
): Promise<Extract<Body, { type: T }>[]> {
  const records = await recordsOf(dir)
  return records.flatMap(({ body }) => (body.type === type ? [body as Extract<Body, { type: T }>] : []))
}
