/** Reads the log of a run that continues, and completes it from the worker's spool. */
import { nothingRecovered, recover, type Recovered } from '../controller/decisions/recovery.js'
import { placeInStream } from '../controller/state/received-telemetry.js'
import { readNames, readStepEntries } from '../log/files/named-entries.js'
import { holderInWords, type LockHolder } from '../log/lock/lock-holder.js'
import type { Cut } from '../log/files/cut-damage.js'
import { readSpool } from '../log/files/worker-spool.js'
import type { LogWriter } from '../log/files/log-writer.js'
import type { Body, Position } from '../record/record.js'

export async function recoverLog(dir: string): Promise<Recovered> {
  let recovered = nothingRecovered()
  for await (const { name, body } of readStepEntries(dir)) recovered = recover(recovered, name, body)
  for await (const name of readNames(dir, 'samples')) recovered = recover(recovered, name, undefined)
  return recovered
}

/** Appends the records that only the worker's spool has, so that no worker has to send them again. */
export async function appendSpooled(
  dir: string,
  log: LogWriter,
  logged: Recovered,
  isWorkerAlive: boolean,
): Promise<Recovered> {
  let recovered = logged
  for await (const { name, body, bytes } of readSpool(dir)) {
    const place = placeInStream(recovered.state, name)
    // A living worker sends missing records again; those of a dead one are lost.
    const continues = place === 'next' || (place === 'unknown-worker' && name.seq === 1)
    if (place === 'duplicate' || (isWorkerAlive && !continues)) continue
    log.append(name.stream, bytes)
    recovered = recover(recovered, name, body)
  }
  await log.sync()
  return recovered
}

export function takeOverNote(holder: LockHolder, position: Position): Body {
  const text = `taken over by --take-over from a holder that could not be seen from here: ${holderInWords(holder)}`
  return { type: 'note', level: 'warning', text, position }
}

/** Whether the log of steps has no record of a worker or a request. */
export function isEmpty({ state, worker, openRequests }: Recovered): boolean {
  const { attempt, rewinds, checkpoints, received } = state
  return (
    worker === undefined &&
    Object.keys(openRequests).length === 0 &&
    received.every(({ appended }) => appended.steps === 0) &&
    attempt === 1 &&
    rewinds.length === 0 &&
    checkpoints.length === 0
  )
}

export function cutNote({ file, offset, bytes, movedTo }: Cut, position: Position): Body {
  const text = `${bytes} bytes of ${file} could not be read from byte ${offset} on; they are in ${movedTo}`
  return { type: 'note', level: 'warning', text, position }
}
