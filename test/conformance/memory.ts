/** Channels in memory whose controller can be replaced, as a restarted one at the same endpoints. */
import type { ControllerChannel, PeerChannel } from '../../src/wire/channel.js'
import { createMemoryChannel, type MemoryChannel } from '../../src/wire/memory-channel.js'
import type { ToPeer } from '../../src/wire/message.js'

export interface Switchboard {
  /** Replaces the controller. Messages that peers send while there is none are lost. */
  bind(): Promise<ControllerChannel>
  connect(): PeerChannel
  readonly sockets: string
}

export function createSwitchboard(): Switchboard {
  let present: MemoryChannel | undefined
  const moves = new Set<() => void>()
  return {
    sockets: '',
    bind() {
      const channel = createMemoryChannel()
      present = channel
      for (const move of moves) move()
      const { controller } = channel
      return Promise.resolve({
        ...controller,
        async close() {
          if (present === channel) present = undefined
          await controller.close()
        },
      })
    },
    connect() {
      let closed = false
      let peer = present?.connect()
      let moved: () => void = () => undefined
      const move = () => {
        void peer?.close()
        peer = present?.connect()
        moved()
      }
      moves.add(move)
      const here = () => (present === undefined ? undefined : peer)
      return {
        send: (message) => here()?.send(message),
        report: (record) => here()?.report(record),
        reportBytes: (bytes) => here()?.reportBytes(bytes),
        async *incoming(): AsyncGenerator<ToPeer> {
          while (!closed) {
            if (peer === undefined) await new Promise<void>((resolve) => (moved = resolve))
            else yield* peer.incoming()
          }
        },
        async close() {
          closed = true
          moves.delete(move)
          moved()
          await peer?.close()
        },
      }
    },
  }
}
