/**
 * The end of a worker's courier: the process beside the one that trains, which sends what that one reports. The Python side is in
 * `python-worker/src/absgd_worker/link/files_of_courier.py`.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { runCommand } from '../environment/run-command.js'
import { couriersOf, type Courier } from '../log/files/courier-files.js'
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
  let left = couriersLeft(dir)
  while (left.some(mayBeAtWork) && performance.now() < deadline) {
    await sleep(LOOK_MS)
    left = couriersLeft(dir)
  }
  if (left.length > 0 && python !== undefined) await recover(dir, python)
}

/** The couriers that have not left, of training processes that are gone. */
function couriersLeft(dir: string): Courier[] {
  return couriersOf(dir).filter(({ training }) => livenessOf(training) === 'gone')
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

/** A courier leaves within a second, unless its controller does not answer. */
const COURIER_MS = 12_000
const LOOK_MS = 20
const RECOVER_MS = 60_000
