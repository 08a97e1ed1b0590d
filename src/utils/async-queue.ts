/** An asynchronous queue between producers and one reader. */
import { createFifo } from './fifo.js'

export interface AsyncQueue<T> {
  /** Resolves once there is room for more. Items that are put after the end are dropped. */
  put(item: T): Promise<void>
  /** Drops the items that wait for the reader. */
  clear(): void
  /** Ends the iteration after the items that wait for the reader. */
  end(): void
  /** Ends the iteration at once, and drops waiting items. */
  close(): void
  /** Ends the iteration with an error. */
  fail(error: unknown): void
  /** May be iterated once. Leaving the iteration closes the queue. */
  items(): AsyncGenerator<T, void, undefined>
}

/** @param room - Number of waiting items above which `put` waits */
export function createAsyncQueue<T>(room = Infinity): AsyncQueue<T> {
  const waiting = createFifo<T>()
  const blocked = createFifo<() => void>()
  let wake: (() => void) | undefined
  let state: 'open' | 'ended' | 'closed' = 'open'
  let failure: { readonly error: unknown } | undefined

  function unblock(): void {
    while (waiting.size <= room && blocked.size > 0) blocked.shift()?.()
  }

  function unblockOne(): void {
    if (waiting.size <= room) blocked.shift()?.()
  }

  function close(): void {
    state = 'closed'
    waiting.clear()
    unblock()
    wake?.()
  }

  return {
    close,
    fail(error) {
      failure ??= { error }
      close()
    },
    end() {
      if (state === 'open') state = 'ended'
      wake?.()
    },
    clear() {
      waiting.clear()
      unblock()
    },
    async put(item) {
      if (state !== 'open') return
      waiting.push(item)
      wake?.()
      if (waiting.size > room)
        await new Promise<void>((resolve) => {
          blocked.push(resolve)
        })
    },
    async *items() {
      try {
        while (state !== 'closed') {
          if (waiting.size === 0) {
            if (state === 'ended') return
            await new Promise<void>((resolve) => {
              wake = resolve
            })
            wake = undefined
            continue
          }
          yield waiting.shift()!
          unblockOne()
        }
        if (failure !== undefined) throw failure.error
      } finally {
        close()
      }
    },
  }
}
