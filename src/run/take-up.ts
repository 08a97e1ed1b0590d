/** What a controller reads before it goes on with a run: its log, and what only the worker's spool has. */
import { nothingRecovered, recover, type Recovered } from '../controller/decisions/recovery.js'
import { acceptance } from '../controller/state/state.js'
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

/** Completes the log with what only the worker's spool has, so that neither a re-attached nor a new worker need send it. */
export async function absorbSpool(
  dir: string,
  log: LogWriter,
  logged: Recovered,
  living: boolean,
): Promise<Recovered> {
  let recovered = logged
  for await (const { name, body, bytes } of readSpool(dir)) {
    const verdict = acceptance(recovered.state, name)
    // A living worker sends again what is missing; of one that is gone, this is all there is.
    const continues = verdict === 'next' || (verdict === 'stranger' && name.seq === 1)
    if (verdict === 'duplicate' || (living && !continues)) continue
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

/** Whether the log of steps holds no record of a worker. */
export function holdsNothing({ state, worker, asked }: Recovered): boolean {
  const { attempt, rewinds, checkpoints, intake } = state
  return (
    worker === undefined &&
    Object.keys(asked).length === 0 &&
    intake.every(({ appended }) => appended.steps === 0) &&
    attempt === 1 &&
    rewinds.length === 0 &&
    checkpoints.length === 0
  )
}

export function cutNote({ file, offset, bytes, movedTo }: Cut, position: Position): Body {
  const text = `${bytes} bytes of ${file} could not be read from byte ${offset} on; they are in ${movedTo}`
  return { type: 'note', level: 'warning', text, position }
}
