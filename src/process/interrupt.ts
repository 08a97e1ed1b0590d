/** Handlers of Ctrl-C and SIGTERM, for all runs of a process. */

const handlers = new Set<() => void>()

/** Calls `handler` at every SIGINT and SIGTERM instead of ending the process, until the function returned is called. */
export function onInterrupt(handler: () => void): () => void {
  if (handlers.size === 0) {
    process.on('SIGINT', callAll)
    process.on('SIGTERM', callAll)
  }
  handlers.add(handler)
  return () => {
    handlers.delete(handler)
    if (handlers.size > 0) return
    process.off('SIGINT', callAll)
    process.off('SIGTERM', callAll)
  }
}

function callAll(): void {
  for (const handler of handlers) handler()
}
