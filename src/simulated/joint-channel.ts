/** Joins two transports to one controller channel: sockets for other processes, and memory for a worker in this one. */
import type { ControllerChannel, Incoming } from '../wire/channel.js'
import { createAsyncQueue, type AsyncQueue } from '../utils/async-queue.js'

/** Peers of `inner` get a prefix. The endpoints are those of `outer`. Closing the joint channel closes both. */
export function joinChannels(outer: ControllerChannel, inner: ControllerChannel): ControllerChannel {
  const arrivals = createAsyncQueue<Incoming>(ROOM)
  return {
    endpoints: outer.endpoints,
    send(peer, message) {
      if (peer.startsWith(INNER)) inner.send(peer.slice(INNER.length), message)
      else outer.send(peer, message)
    },
    incoming() {
      const reading = [forward(outer.incoming(), arrivals), forward(prefixed(inner.incoming()), arrivals)]
      Promise.all(reading).catch((error: unknown) => arrivals.fail(error))
      return arrivals.items()
    },
    async close() {
      arrivals.close()
      await Promise.all([outer.close(), inner.close()])
    },
  }
}

async function forward(source: AsyncIterable<Incoming>, arrivals: AsyncQueue<Incoming>): Promise<void> {
  for await (const incoming of source) await arrivals.put(incoming)
}

async function* prefixed(source: AsyncIterable<Incoming>): AsyncGenerator<Incoming> {
  for await (const incoming of source) {
    if (incoming.type === 'control') yield { ...incoming, peer: `${INNER}${incoming.peer}` }
    else if (incoming.type === 'malformed' && incoming.peer !== undefined) {
      yield { ...incoming, peer: `${INNER}${incoming.peer}` }
    } else yield incoming
  }
}

/** Routing ids of sockets are hex digits, so none has this prefix. */
const INNER = 'memory:'
const ROOM = 256
