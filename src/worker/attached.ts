/** A worker that is not started by the controller, but by hand. */
import type { ProcessIdentity } from '../process/identity.js'
import { identityOf, processExists } from '../process/identity.js'
import type { ControllerChannel, Incoming } from '../wire/channel.js'
import { watchProcess, type ProcessExit, type ProcessHandle } from '../process/child.js'

export interface AttachedOptions {
  /** The controller's end of the sockets to which the worker will connect. */
  readonly channel: ControllerChannel
  /** The process of a worker that has joined under an earlier controller. */
  readonly known: ProcessIdentity | undefined
  /** Called once it has joined. */
  readonly onJoined: (pid: number) => void
}

/**
 * Waits for a worker, and watches its process once it is admitted. The worker has left when its process is gone, or when it was
 * released: the process, a notebook for example, may go on after that. It has also left if it is killed before it came.
 *
 * @returns the channel to use instead of the given one, and the worker
 */
export function awaitWorker({ channel, known, onJoined }: AttachedOptions): {
  readonly channel: ControllerChannel
  readonly worker: ProcessHandle
} {
  const pids = new Map<string, number>()
  let joined: ProcessHandle | undefined
  let leave: (exit: ProcessExit) => void = () => undefined
  const exited = new Promise<ProcessExit>((resolve) => {
    leave = resolve
  })

  function watch(identity: ProcessIdentity): void {
    joined = watchProcess(identity)
    void joined.exited.then(leave)
  }

  function join(pid: number): void {
    if (joined !== undefined) return
    // The process of a worker in another container is not visible here.
    if (processExists(pid)) watch(identityOf(pid))
    onJoined(pid)
  }

  if (known !== undefined) watch(known)
  return {
    channel: {
      endpoints: channel.endpoints,
      incoming: () => recordPids(channel.incoming(), pids),
      send(peer, message) {
        const pid = pids.get(peer)
        if (pid !== undefined && message.type === 'welcome') join(pid)
        channel.send(peer, message)
        if (pid !== undefined && message.type === 'released')
          leave({ exitCode: undefined, signal: undefined })
      },
      close: () => channel.close(),
    },
    worker: {
      get pid() {
        return joined?.pid ?? -1
      },
      exited,
      kill(signal) {
        if (joined === undefined) leave({ exitCode: undefined, signal })
        else joined.kill(signal)
      },
    },
  }
}

/** Passes everything on, and records the pid in each worker's Hello. */
async function* recordPids(
  source: AsyncIterable<Incoming>,
  pids: Map<string, number>,
): AsyncGenerator<Incoming> {
  for await (const incoming of source) {
    if (incoming.type === 'control' && incoming.message.type === 'hello')
      pids.set(incoming.peer, incoming.message.pid)
    yield incoming
  }
}
