/** Channels in memory, for tests and simulated workers. All messages pass through the codec, as over sockets. */
import type { ControllerChannel, Incoming, PeerChannel } from './channel.js'
import { decodeToPeer, encodeRecord, encodeToController, encodeToPeer } from './codec.js'
import { parseControl, parseTelemetry } from './parse-incoming.js'
import { createAsyncQueue, type AsyncQueue } from '../utils/async-queue.js'
import type { ToPeer } from './message.js'

export interface MemoryChannel {
  readonly controller: ControllerChannel
  connect(): MemoryPeer
}

export interface MemoryPeer extends PeerChannel {
  /** Sends any bytes. Tests use it for peers that break the contract. */
  sendBytes(socket: 'control' | 'telemetry', bytes: Uint8Array): void
}

export function createMemoryChannel(): MemoryChannel {
  const arrivals = createAsyncQueue<Incoming>()
  const peers = new Map<string, AsyncQueue<ToPeer>>()
  let connected = 0

  const controller: ControllerChannel = {
    endpoints: { control: 'memory', telemetry: 'memory' },
    send(peer, message) {
      void peers.get(peer)?.put(decodeToPeer(encodeToPeer(message)))
    },
    incoming: () => arrivals.items(),
    close() {
      arrivals.close()
      return Promise.resolve()
    },
  }

  function connect(): MemoryPeer {
    connected += 1
    const id = connected.toString(16).padStart(10, '0')
    const messages = createAsyncQueue<ToPeer>()
    peers.set(id, messages)
    const sendBytes: MemoryPeer['sendBytes'] = (socket, bytes) => {
      if (!peers.has(id)) return
      void arrivals.put(socket === 'control' ? parseControl(id, bytes) : parseTelemetry(bytes))
    }
    return {
      sendBytes,
      send(message) {
        sendBytes('control', encodeToController(message))
      },
      report(record) {
        sendBytes('telemetry', encodeRecord(record))
      },
      reportBytes(bytes) {
        sendBytes('telemetry', bytes)
      },
      incoming: () => messages.items(),
      close() {
        peers.delete(id)
        messages.close()
        return Promise.resolve()
      },
    }
  }

  return { controller, connect }
}
