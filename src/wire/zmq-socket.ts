/** What one ZeroMQ socket needs beyond zeromq.js: a queue for what is sent, a loop for what arrives, an end that is waited for. */
import type { Message, MessageLike, Observer, Readable, Socket, Writable } from 'zeromq'

export interface Sender<M> {
  /** Never blocks. What cannot be delivered, because its addressee is gone, is dropped. */
  push(message: M): void
  /** Resolves when everything is handed to libzmq, or after `limitMs`. */
  drain(limitMs: number): Promise<void>
}

/** A socket takes one `send` at a time and throws at a second; libzmq keeps references to what it sends. */
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

/** Calls `take` with every message, one after the other, until the socket is closed. */
export async function forEachMessage(
  socket: Socket & Readable,
  take: (parts: readonly Message[]) => Promise<void>,
): Promise<void> {
  while (!socket.closed) {
    let parts: Message[]
    try {
      parts = await socket.receive()
    } catch (error) {
      if (socket.closed) return
      throw error
    }
    await take(parts)
  }
}

/** Closes and waits until libzmq has sent what it holds: a process that exits at once would lose it. */
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
    // The limit has passed and the observer, which would keep the process alive, was closed.
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
