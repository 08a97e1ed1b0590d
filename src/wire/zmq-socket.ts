/** Helpers for one ZeroMQ socket: a queue for outgoing messages, a loop for incoming ones, and a close that waits until all are sent. */
import type { Message, MessageLike, Observer, Readable, Socket, Writable } from 'zeromq'

export interface Sender<M> {
  /** Never blocks. A message to a peer that is gone is dropped. */
  push(message: M): void
  /** Resolves when all messages are passed to libzmq, or after `limitMs`. */
  drain(limitMs: number): Promise<void>
}

/** A socket allows one `send` at a time and throws at a second one. libzmq keeps references to the buffers it sends. */
export function createSender<M extends MessageLike | MessageLike[]>(socket: Socket & Writable<M>): Sender<M> {
  const queue: M[] = []
  let running: Promise<void> | undefined

  async function run(): Promise<void> {
    for (let message = queue.shift(); message !== undefined; message = queue.shift()) {
      if (socket.closed) return
      try {
        await socket.send(message)
      } catch {
        // EHOSTUNREACH: the peer is gone. EAGAIN, EBADF: the socket was closed meanwhile.
      }
    }
    running = undefined
  }

  return {
    push(message) {
      queue.push(message)
      running ??= run()
    },
    async drain(limitMs) {
      if (running === undefined) return
      await within(limitMs, running)
    },
  }
}

/** Calls `handle` with every message, one after the other, until the socket is closed. */
export async function forEachMessage(
  socket: Socket & Readable,
  handle: (parts: readonly Message[]) => Promise<void>,
): Promise<void> {
  while (!socket.closed) {
    let parts: Message[]
    try {
      parts = await socket.receive()
    } catch (error) {
      if (socket.closed) return
      throw error
    }
    await handle(parts)
  }
}

/** Closes the socket, and waits until libzmq has sent its messages: a process that exits earlier would lose them. */
export async function closeSocket(socket: Socket, limitMs: number): Promise<void> {
  const { events } = socket
  const ended = untilEnd(events)
  socket.close()
  await within(limitMs, ended)
  events.close()
}

async function untilEnd(events: Observer): Promise<void> {
  try {
    while ((await events.receive()).type !== 'end');
  } catch {
    // The limit has passed, and the observer was closed because it would keep the process alive.
  }
}

async function within(limitMs: number, promise: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, limitMs)
  })
  await Promise.race([promise, limit])
  clearTimeout(timer)
}
