/** Signals that end the cockpit or its run, once each way out gives the terminal back. */

export type LeavingSignal = 'SIGTERM' | 'SIGHUP'

export interface SignalHandlers {
  readonly interrupt: () => void
  readonly terminate: () => void
  /** The terminal is gone. */
  readonly hangUp: () => void
}

/** Returns what stops listening. */
export function onSignals({ interrupt, terminate, hangUp }: SignalHandlers): () => void {
  const handlers = [
    ['SIGINT', interrupt],
    ['SIGTERM', terminate],
    ['SIGHUP', hangUp],
  ] as const
  for (const [signal, handler] of handlers) process.on(signal, handler)
  return () => {
    for (const [signal, handler] of handlers) process.off(signal, handler)
  }
}
