/** `controller.json`: the address of the controller that drives a run. If the controller was killed, the file remains. */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { z } from 'zod'
import type { Place, ProcessIdentity } from '../../process/identity.js'
import type { Endpoints } from '../../wire/channel.js'
import { runPaths } from '../run-paths.js'

/** Machine and process namespace are those of the controller and of its worker. */
export interface ControllerFile extends Place {
  readonly pid: number
  readonly endpoints: Endpoints
  /** ISO 8601, UTC. */
  readonly startedAt: string
  readonly workerPid?: number
  /** Start time of that process, see `ProcessIdentity`. */
  readonly workerStart?: string
}

/** Replaces the file atomically. Only its owner can read it. */
export function writeControllerFile(dir: string, file: ControllerFile): void {
  const path = runPaths(dir).controller
  const draft = `${path}.${process.pid}`
  writeFileSync(draft, `${JSON.stringify(file, undefined, 2)}\n`, { mode: 0o600 })
  renameSync(draft, path)
}

/** Undefined if there is no file, or it has another format. */
export function readControllerFile(dir: string): ControllerFile | undefined {
  try {
    const parsed = fileSchema.safeParse(JSON.parse(readFileSync(runPaths(dir).controller, 'utf8')))
    return parsed.success ? (parsed.data as ControllerFile) : undefined
  } catch {
    return undefined
  }
}

/** The worker process of the controller, whether or not it still runs. */
export function workerOf(file: ControllerFile): ProcessIdentity | undefined {
  const { workerPid: pid, workerStart: processStart = '', bootId, host, machineId, pidNamespace } = file
  if (pid === undefined) return undefined
  // A file of an older version, which recorded only the boot id.
  if (host === undefined || machineId === undefined || pidNamespace === undefined)
    return { pid, processStart, bootId }
  return { pid, processStart, bootId, host, machineId, pidNamespace }
}

/** Removed by the controller that wrote it. */
export function removeControllerFile(dir: string): void {
  rmSync(runPaths(dir).controller, { force: true })
}

const fileSchema = z.object({
  pid: z.number(),
  bootId: z.string(),
  host: z.string().optional(),
  machineId: z.string().optional(),
  pidNamespace: z.string().optional(),
  endpoints: z.object({ control: z.string(), telemetry: z.string() }),
  startedAt: z.string(),
  workerPid: z.number().optional(),
  workerStart: z.string().optional(),
})
