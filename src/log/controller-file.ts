/** `controller.json`: how to reach the controller that drives a run. It may outlive a controller that was killed. */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { z } from 'zod'
import type { ProcessIdentity } from '../process-identity.js'
import type { Endpoints } from '../wire/channel.js'
import { runPaths } from './paths.js'

export interface ControllerFile {
  readonly pid: number
  readonly bootId: string
  readonly endpoints: Endpoints
  /** ISO 8601, UTC. */
  readonly startedAt: string
  readonly workerPid?: number
  /** When that process started, see `ProcessIdentity`. */
  readonly workerStart?: string
}

/** Replaces the file in one move; readable by its owner alone. */
export function writeControllerFile(dir: string, file: ControllerFile): void {
  const path = runPaths(dir).controller
  const draft = `${path}.${process.pid}`
  writeFileSync(draft, `${JSON.stringify(file, undefined, 2)}\n`, { mode: 0o600 })
  renameSync(draft, path)
}

/** Undefined when there is none, or what is there is none of ours. */
export function readControllerFile(dir: string): ControllerFile | undefined {
  try {
    const parsed = fileSchema.safeParse(JSON.parse(readFileSync(runPaths(dir).controller, 'utf8')))
    return parsed.success ? (parsed.data as ControllerFile) : undefined
  } catch {
    return undefined
  }
}

/** The worker that the controller drove, whether or not it still runs. */
export function workerOf(file: ControllerFile): ProcessIdentity | undefined {
  const { workerPid: pid, workerStart: processStart = '', bootId } = file
  return pid === undefined ? undefined : { pid, bootId, processStart }
}

export function removeControllerFile(dir: string): void {
  rmSync(runPaths(dir).controller, { force: true })
}

const fileSchema = z.object({
  pid: z.number(),
  bootId: z.string(),
  endpoints: z.object({ control: z.string(), telemetry: z.string() }),
  startedAt: z.string(),
  workerPid: z.number().optional(),
  workerStart: z.string().optional(),
})
