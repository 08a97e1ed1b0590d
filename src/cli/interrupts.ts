/** Sends Ctrl-C and SIGTERM to a run's controller. */
import { onInterrupt } from '../process/interrupt.js'
import type { ProcessHandle } from '../process/child.js'

export interface Interrupts {
  /** Sends the interrupts so far, and all later ones, to the controller. */
  passTo(controller: ProcessHandle): void
  /** Number of interrupts so far. */
  count(): number
  /** From now on, signals end this process as usual. */
  stop(): void
}

/** Keeps interrupts until the controller has started: a signal during the start would end it and leave its worker behind. */
export function holdInterrupts(): Interrupts {
  let count = 0
  let controller: ProcessHandle | undefined
  const stop = onInterrupt(() => {
    count += 1
    const next = count === 1 ? 'checkpointing and stopping; once more ends it at once' : 'ending it now'
    process.stderr.write(`absgd: ${next}\n`)
    controller?.kill('SIGINT')
  })
  return {
    passTo(target) {
      controller = target
      if (count > 0) controller.kill('SIGINT')
    },
    count: () => count,
    stop,
  }
}
