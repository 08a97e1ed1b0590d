/** When frames are drawn: soon after something changed, and never so often that drawing takes more than a tenth of a core. */

export interface Pacer {
  /** Something changed. */
  soon(): void
  /** Somebody waits: a key was pressed, the terminal has another size. */
  now(): void
  stop(): void
}

export function createPacer(draw: () => void): Pacer {
  let timer: NodeJS.Timeout | undefined
  let earliestMs = 0
  let stopped = false

  function run(): void {
    clearTimeout(timer)
    timer = undefined
    if (stopped) return
    const startMs = performance.now()
    draw()
    const endMs = performance.now()
    earliestMs = endMs + Math.min(SLOWEST_MS, Math.max(QUICKEST_MS, (endMs - startMs) * PAUSE_A_FRAME))
  }

  return {
    soon() {
      timer ??= setTimeout(run, Math.max(0, earliestMs - performance.now()))
    },
    now: run,
    stop() {
      stopped = true
      clearTimeout(timer)
    },
  }
}

const QUICKEST_MS = 200
const SLOWEST_MS = 1000
/** Times what the frame took. */
const PAUSE_A_FRAME = 9
