/** When frames are drawn: soon after something changed, and never so often that drawing takes more than a tenth of a core. */

export interface Pacer {
  /** Something changed. */
  soon(): void
  /** Somebody waits: a key was pressed, the terminal has another size. */
  now(): void
  stop(): void
}

/** @param hurried - whether there is something better to do than to draw: a long log is being read. */
export function createPacer(draw: () => void, hurried: () => boolean): Pacer {
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
    const pauseMs = Math.max(QUICKEST_MS, (endMs - startMs) * PAUSE_A_FRAME)
    earliestMs = endMs + (hurried() ? SLOWEST_MS : Math.min(SLOWEST_MS, pauseMs))
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
