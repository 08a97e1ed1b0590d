/** Ctrl-C and SIGTERM on their way to a run's controller. */
import { onInterrupt } from '../process/interrupt.js'
import type { ProcessHandle } from '../process/child.js'

export interface Interrupts {
  /** Passes on what came until now, and what comes. */
  passTo(controller: ProcessHandle): void
  /** How many came. */
  count(): number
  /** From here on they end this process again. */
  stop(): void
}

/** A controller that is still starting would die of a signal and leave its worker behind: until it stands, they are kept. */
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
