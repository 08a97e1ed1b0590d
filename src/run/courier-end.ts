/**
 * The end of a worker's courier: the process beside the one that trains, which sends what that one reports. The Python side is in
 * `python-worker/src/absgd_worker/link/files_of_courier.py`.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { runCommand } from '../environment/run-command.js'
import { runPaths } from '../log/run-paths.js'
import { livenessOf } from '../process/identity.js'
import { PACKAGE } from '../worker/local.js'

/**
 * Resolves once no courier is left of the workers of the run whose training process is gone. Where a courier was killed as well, what
 * both have left in memory is put into the spool. One that does not end, because it was stopped, is killed first.
 *
 * @param python - The interpreter of the workers; without one such memory is left as it is
 */
export async function courierGone(dir: string, python: string | undefined): Promise<void> {
  const deadline = performance.now() + COURIER_MS
  let left = couriersOf(dir)
  while (left.some(mayBeAtWork) && performance.now() < deadline) {
    await sleep(LOOK_MS)
    left = couriersOf(dir)
  }
  if (left.length > 0 && python !== undefined) await recover(dir, python)
}

/** The couriers that have not left, of training processes that are gone. */
function couriersOf(dir: string): Courier[] {
  return namesIn(runPaths(dir).spool)
    .filter((name) => name.endsWith('.courier.json'))
    .flatMap((name) => readCourier(join(runPaths(dir).spool, name)) ?? [])
    .filter(({ training }) => livenessOf(training) === 'gone')
}

/** A courier that has not said its name yet is starting. */
function mayBeAtWork({ courier }: Courier): boolean {
  return courier === undefined || livenessOf(courier) !== 'gone'
}

/** If it fails, the memory stays for the next controller. */
async function recover(dir: string, python: string): Promise<void> {
  const env = { ...process.env, PYTHONPATH: PACKAGE }
  await runCommand(python, ['-m', 'absgd_worker.recover', dir, '0'], { env, timeoutMs: RECOVER_MS })
}

function readCourier(path: string): Courier | undefined {
  try {
    return COURIER.parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch {
    // It has left meanwhile.
    return undefined
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}

const IDENTITY = z.object({
  pid: z.number().int(),
  processStart: z.string(),
  bootId: z.string(),
  host: z.string(),
  machineId: z.string(),
  pidNamespace: z.string(),
})

const COURIER = z.object({ training: IDENTITY, courier: IDENTITY.optional() })

type Courier = z.infer<typeof COURIER>

/** A courier leaves within a second, unless its controller does not answer. */
const COURIER_MS = 12_000
const LOOK_MS = 20
const RECOVER_MS = 60_000
