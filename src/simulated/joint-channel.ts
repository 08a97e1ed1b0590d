/** One controller's end over two transports: sockets for other processes, memory for a worker in this one. */
import type { ControllerChannel, Incoming } from '../wire/channel.js'
import { createAsyncQueue, type AsyncQueue } from '../utils/async-queue.js'

/** Peers of `inner` have names of their own; the endpoints are those of `outer`. Closing it closes both. */
export function joinChannels(outer: ControllerChannel, inner: ControllerChannel): ControllerChannel {
  const arrivals = createAsyncQueue<Incoming>(ROOM)
  return {
    endpoints: outer.endpoints,
    send(peer, message) {
      if (peer.startsWith(INNER)) inner.send(peer.slice(INNER.length), message)
      else outer.send(peer, message)
    },
    incoming() {
      const reading = [pass(outer.incoming(), arrivals), pass(named(inner.incoming()), arrivals)]
      Promise.all(reading).catch((error: unknown) => arrivals.fail(error))
      return arrivals.items()
    },
    async close() {
      arrivals.close()
      await Promise.all([outer.close(), inner.close()])
    },
  }
}

async function pass(source: AsyncIterable<Incoming>, arrivals: AsyncQueue<Incoming>): Promise<void> {
  for await (const incoming of source) await arrivals.put(incoming)
}

async function* named(source: AsyncIterable<Incoming>): AsyncGenerator<Incoming> {
  for await (const incoming of source) {
    if (incoming.type === 'control') yield { ...incoming, peer: `${INNER}${incoming.peer}` }
    else if (incoming.type === 'malformed' && incoming.peer !== undefined) {
      yield { ...incoming, peer: `${INNER}${incoming.peer}` }
    } else yield incoming
  }
}

/** No routing id of a socket begins like this: they are hex digits. */
const INNER = 'memory:'
const ROOM = 256
