/** Brings the log to the disk at intervals, and at once when asked. */

export interface SyncLoop {
  /** Syncs now. During a sync, which may have begun too early, once more after it. */
  syncNow(): void
  /** A sync in progress is completed; no other begins. */
  stop(): void
}

/** @param onError - Called when a sync rejects */
export function startSyncLoop(sync: () => Promise<void>, onError: (error: unknown) => void): SyncLoop {
  let isSyncing = false
  let isAskedAgain = false
  let isStopped = false

  function syncNow(): void {
    if (isStopped) return
    if (isSyncing) {
      isAskedAgain = true
      return
    }
    isSyncing = true
    isAskedAgain = false
    sync()
      .catch(onError)
      .finally(() => {
        isSyncing = false
        if (isAskedAgain) syncNow()
      })
  }

  const timer = setInterval(() => {
    if (!isSyncing) syncNow()
  }, INTERVAL_MS)
  return {
    syncNow,
    stop() {
      isStopped = true
      clearInterval(timer)
    },
  }
}

const INTERVAL_MS = 1000
