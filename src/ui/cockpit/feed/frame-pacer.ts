/** Decides when frames are drawn: soon after a change, but drawing takes at most a tenth of a core. */

export interface Pacer {
  /** Draws soon: something changed. */
  soon(): void
  /** Draws at once: a key was pressed, or the terminal changed its size. */
  now(): void
  stop(): void
}

/** @param hurried - whether to draw less often, because a long log is being read */
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
/** The pause after a frame, as a multiple of the time that it took. */
const PAUSE_A_FRAME = 9
