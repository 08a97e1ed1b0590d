/** A queue between what arrives and who reads it. */

export interface AsyncQueue<T> {
  /** Resolves once there is room for more; what is put after `close` vanishes. */
  put(item: T): Promise<void>
  /** Ends the reading at once. */
  close(): void
  /** Ends the reading with an error. */
  fail(error: unknown): void
  /** To be consumed once. */
  items(): AsyncGenerator<T, void, undefined>
}

/** @param room - Items that wait before `put` does. */
export function createAsyncQueue<T>(room = Infinity): AsyncQueue<T> {
  const items: T[] = []
  const blocked: (() => void)[] = []
  let wake: (() => void) | undefined
  let closed = false
  let failure: { readonly error: unknown } | undefined

  function close(): void {
    closed = true
    items.length = 0
    for (const resume of blocked.splice(0)) resume()
    wake?.()
  }

  return {
    close,
    fail(error) {
      failure ??= { error }
      close()
    },
    async put(item) {
      if (closed) return
      items.push(item)
      wake?.()
      if (items.length > room) await new Promise<void>((resolve) => blocked.push(resolve))
    },
    async *items() {
      try {
        while (!closed) {
          if (items.length === 0) {
            await new Promise<void>((resolve) => {
              wake = resolve
            })
            wake = undefined
            continue
          }
          yield items.shift()!
          if (items.length <= room) blocked.shift()?.()
        }
        if (failure !== undefined) throw failure.error
      } finally {
        close()
      }
    },
  }
}
