/** The files in a run's spool that say where a worker and its courier share memory (`link/files_of_courier.py` in Python writes them). */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { runPaths } from '../run-paths.js'
import { namesIn } from './worker-spool.js'

/** A courier that has not left; without a name while it starts. */
export type Courier = z.infer<typeof courierSchema>

export function couriersOf(dir: string): Courier[] {
  const { spool } = runPaths(dir)
  return namesIn(spool)
    .filter((name) => name.endsWith('.courier.json'))
    .flatMap((name) => readCourier(join(spool, name)) ?? [])
}

function readCourier(path: string): Courier | undefined {
  try {
    return courierSchema.parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch {
    // It has left meanwhile.
    return undefined
  }
}

const identitySchema = z.object({
  pid: z.number().int(),
  processStart: z.string(),
  bootId: z.string(),
  host: z.string(),
  machineId: z.string(),
  pidNamespace: z.string(),
})

const courierSchema = z.object({ training: identitySchema, courier: identitySchema.optional() })
