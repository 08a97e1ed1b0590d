/** Signals that end the cockpit or its run. Every handler restores the terminal. */

export type LeavingSignal = 'SIGTERM' | 'SIGHUP'

export interface SignalHandlers {
  readonly interrupt: () => void
  readonly terminate: () => void
  /** SIGHUP: the terminal was closed. */
  readonly hangUp: () => void
}

/** Returns a function that stops listening. */
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
