/** The sockets of proto/README.md over ZeroMQ. `memory-channel.ts` has the same channels in memory. */
import { rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { connect as connectSocket } from 'node:net'
import type * as zeromq from 'zeromq'
import { AbsgdError } from '../errors.js'
import type { ControllerChannel, Endpoints, Incoming, PeerChannel } from './channel.js'
import { decodeToPeer, encodeRecord, encodeToController, encodeToPeer } from './codec.js'
import {
  checkEndpoints,
  isAbsentOrSocket,
  prepareSocketDirectory,
  removeSockets,
  socketPath,
} from './endpoints.js'
import { parseControl, parseTelemetry } from './parse-incoming.js'
import { createAsyncQueue } from '../utils/async-queue.js'
import type { ToPeer } from './message.js'
import { closeSocket, createSender, forEachMessage } from './zmq-socket.js'

// By require, because an import would first search all of its code for the names that it exports: 70 ms.
const { Context, Dealer, Pull, Push, Router } = createRequire(import.meta.url)('zeromq') as typeof zeromq

/**
 * Binds the controller's end. A socket file that a killed controller left is replaced; peers that were connected to it reconnect by
 * themselves.
 *
 * @throws AbsgdError 'usage' for an endpoint that is not allowed, 'run-directory' when a controller listens there already,
 *   'environment' when the system refuses.
 */
export async function bindController(endpoints: Endpoints): Promise<ControllerChannel> {
  checkEndpoints(endpoints)
  const paths = [socketPath(endpoints.control), socketPath(endpoints.telemetry)]
  for (const path of paths) {
    prepareSocketDirectory(path)
    await removeStale(path)
  }
  const control = new Router({
    ...COMMON,
    context,
    mandatory: true,
    sendTimeout: 0,
    sendHighWaterMark: NO_LIMIT,
  })
  const telemetry = new Pull({ ...COMMON, context, receiveHighWaterMark: MOST_TELEMETRY })
  try {
    await control.bind(endpoints.control)
    await telemetry.bind(endpoints.telemetry)
  } catch (error) {
    control.close()
    telemetry.close()
    throw new AbsgdError('environment', `cannot listen on ${endpoints.control}: ${String(error)}`, {
      cause: error,
    })
  }
  return controllerChannel(endpoints, control, telemetry)
}

/**
 * Connects a peer's end. Returns at once, even if no controller listens yet; sent messages wait until one does.
 *
 * @throws AbsgdError 'usage' for an endpoint that is not allowed.
 */
export function connectPeer(endpoints: Endpoints): PeerChannel {
  checkEndpoints(endpoints)
  // Without a limit no send ever blocks. zeromq.js does not always resume a blocked send.
  const unblocked = { ...COMMON, ...RECONNECT, context, sendHighWaterMark: NO_LIMIT }
  const control = new Dealer(unblocked)
  const telemetry = new Push(unblocked)
  control.connect(endpoints.control)
  telemetry.connect(endpoints.telemetry)
  const messages = createSender<Uint8Array>(control)
  const records = createSender<Uint8Array>(telemetry)
  const arrivals = createAsyncQueue<ToPeer>(ROOM)
  let closing: Promise<void> | undefined
  return {
    send: (message) => messages.push(encodeToController(message)),
    report: (record) => records.push(encodeRecord(record)),
    reportBytes: (bytes) => records.push(bytes),
    incoming() {
      void forEachMessage(control, async ([bytes]) => {
        if (bytes !== undefined) await arrivals.put(decodeToPeer(bytes))
      }).catch((error: unknown) => arrivals.fail(error))
      return arrivals.items()
    },
    close() {
      closing ??= (async () => {
        arrivals.close()
        await Promise.all([messages.drain(LINGER_MS), records.drain(LINGER_MS)])
        await Promise.all([closeSocket(control, LINGER_MS), closeSocket(telemetry, LINGER_MS)])
      })()
      return closing
    },
  }
}

function controllerChannel(
  endpoints: Endpoints,
  control: zeromq.Router,
  telemetry: zeromq.Pull,
): ControllerChannel {
  const arrivals = createAsyncQueue<Incoming>(ROOM)
  const outgoing = createSender<[Buffer, Uint8Array]>(control)
  let closing: Promise<void> | undefined
  return {
    endpoints,
    send: (peer, message) => outgoing.push([Buffer.from(peer, 'hex'), encodeToPeer(message)]),
    incoming() {
      const controlDone = forEachMessage(control, async ([id, ...parts]) => {
        const peer = id!.toString('hex')
        const [bytes] = parts
        const single = parts.length === 1 && bytes !== undefined
        await arrivals.put(
          single ? parseControl(peer, bytes) : { type: 'malformed', peer, reason: NOT_ONE_FRAME },
        )
      })
      const telemetryDone = forEachMessage(telemetry, async (parts) => {
        const [bytes] = parts
        const single = parts.length === 1 && bytes !== undefined
        await arrivals.put(single ? parseTelemetry(bytes) : { type: 'malformed', reason: NOT_ONE_FRAME })
      })
      Promise.all([controlDone, telemetryDone]).catch((error: unknown) => arrivals.fail(error))
      return arrivals.items()
    },
    close() {
      closing ??= (async () => {
        arrivals.close()
        await outgoing.drain(LINGER_MS)
        await Promise.all([closeSocket(control, LINGER_MS), closeSocket(telemetry, LINGER_MS)])
        removeSockets(endpoints)
      })()
      return closing
    },
  }
}

/** Checks for a living listener first, whose socket file libzmq would replace as well. */
async function removeStale(path: string): Promise<void> {
  if (!isAbsentOrSocket(path)) {
    throw new AbsgdError('environment', `${path} is not a socket, but has the path of one`, {
      hint: 'move it elsewhere; if controller.json in the run directory names it, remove that file',
    })
  }
  const living = await new Promise<boolean>((resolve) => {
    const probe = connectSocket(path)
    probe.once('connect', () => {
      probe.destroy()
      resolve(true)
    })
    probe.once('error', () => {
      resolve(false)
    })
  })
  if (living) {
    throw new AbsgdError('run-directory', `a controller listens on ${path} already`, {
      hint: 'stop that controller first, with "absgd stop"',
    })
  }
  rmSync(path, { force: true })
}

/** One context for the whole process. If it were garbage collected, messages that closed sockets have not sent yet would be lost. */
const context = new Context({ blocky: false })
const LINGER_MS = 1000
const NOT_ONE_FRAME = 'a message of several frames, or of none'
/** Messages that wait for the reader in this process. More wait in libzmq, and then at the sender. */
const ROOM = 256
/** Controllers send few messages, bounded by the peers' answers, and the heartbeat disconnects a peer that is gone. */
const NO_LIMIT = 0
/** Telemetry frames per worker. Each covers at most a tenth of a second of training. */
const MOST_TELEMETRY = 1000
const COMMON = {
  linger: LINGER_MS,
  maxMessageSize: 64 * 1024 * 1024,
  heartbeatInterval: 1000,
  heartbeatTimeout: 3000,
  heartbeatTimeToLive: 5000,
}
const RECONNECT = { reconnectInterval: 100, reconnectMaxInterval: 1000 }
