/** Reads the records of a run into its state while the cockpit is open. */
import { setTimeout as sleep } from 'node:timers/promises'
import { initialRunState, withRecord, type RunState } from './run-state.js'
import type { RunSource } from './source.js'

export interface Feed {
  readonly source: RunSource
  /** The state after all records read so far. */
  state(): RunState
  /** Resolves when all existing records were read for the first time. */
  readonly caughtUp: Promise<void>
  /** Reads until `signal` aborts. Rejects with the error of the source. */
  read(signal: AbortSignal): Promise<void>
}

/** @param changed - called after every change of the state */
export function createFeed(source: RunSource, changed: () => void): Feed {
  let state = initialRunState(source.manifest)
  let resolveCaughtUp = () => {}
  const caughtUp = new Promise<void>((resolve) => {
    resolveCaughtUp = resolve
  })

  function set(next: RunState): void {
    if (next === state) return
    state = next
    changed()
  }

  /** Reads the files beside the log, which change rarely. */
  function look(more: Partial<RunState>): RunState {
    const driven = source.isDriven()
    const lines = source.workerLines()
    const workerLines = sameLines(lines, state.workerLines) ? state.workerLines : lines
    const wasDriven = state.wasDriven || driven
    const { caughtUp: known } = state
    const next = { driven, workerLines, wasDriven, caughtUp: known, ...more }
    const same = Object.entries(next).every(([name, value]) => state[name as keyof RunState] === value)
    return same ? state : { ...state, ...next }
  }

  async function readOnce(signal: AbortSignal): Promise<void> {
    let lookedMs = -Infinity
    for await (const block of source.records(signal)) {
      let next = state
      for (const record of block) next = withRecord(next, record)
      const nothingNew = next === state
      set(next)
      const nowMs = performance.now()
      if (nothingNew && (nowMs - lookedMs >= LOOK_INTERVAL_MS || !state.caughtUp)) {
        lookedMs = nowMs
        set(look({ caughtUp: true }))
        resolveCaughtUp()
      }
    }
    set(look({ caughtUp: true }))
    resolveCaughtUp()
  }

  return {
    source,
    state: () => state,
    caughtUp,
    async read(signal) {
      for (;;) {
        await readOnce(signal)
        // The run ended or has no controller. It may be resumed later, so reading goes on.
        do {
          await sleep(IDLE_INTERVAL_MS, undefined, { signal }).catch(() => undefined)
          if (signal.aborted) return
          set(look({}))
        } while (!source.isDriven())
        state = { ...initialRunState(source.manifest), wasDriven: true }
      }
    },
  }
}

function sameLines(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((line, i) => line === b[i])
}

const LOOK_INTERVAL_MS = 1000
const IDLE_INTERVAL_MS = 1000
