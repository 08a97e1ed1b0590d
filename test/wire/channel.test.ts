import { existsSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { describe, expect, test, type TestContext } from 'vitest'
import { Dealer, Push } from 'zeromq'
import type { LogRecord } from '../../src/record/record.js'
import type { ControllerChannel, Endpoints, Incoming, PeerChannel } from '../../src/wire/channel.js'
import { encodeRecord } from '../../src/wire/codec.js'
import { localEndpoints, socketPath } from '../../src/wire/endpoints.js'
import { joinChannels } from '../../src/simulated/joint-channel.js'
import { createMemoryChannel } from '../../src/wire/memory-channel.js'
import type { ToController, ToPeer } from '../../src/wire/message.js'
import { bindController, connectPeer } from '../../src/wire/zmq-channel.js'

interface Twin {
  readonly controller: ControllerChannel
  connect(): PeerChannel
  sendBytes(socket: 'control' | 'telemetry', bytes: Uint8Array): Promise<void>
}

const twins = { memory: memoryTwin, zmq: zmqTwin, joint: jointTwin }

describe.each(Object.entries(twins))('a channel (%s)', (_, open) => {
  test('delivers messages in both directions, in order', async (context) => {
    const twin = await open(context)
    const peer = twin.connect()
    for (let id = 0; id < 500; id++) peer.send(request(id))
    const arrived = await take(twin.controller.incoming(), 500)
    expect(arrived.map((incoming) => incoming.type === 'control' && incoming.message)).toEqual(
      Array.from({ length: 500 }, (__, id) => request(id)),
    )
    for (let id = 0; id < 2000; id++) twin.controller.send(peerOf(arrived[0]), answer(id))
    expect(await take(peer.incoming(), 2000)).toEqual(Array.from({ length: 2000 }, (__, id) => answer(id)))
  })

  test('delivers telemetry with its exact bytes', async (context) => {
    const twin = await open(context)
    const peer = twin.connect()
    for (let seq = 1; seq <= 100; seq++) peer.report(record(seq))
    const arrived = await take(twin.controller.incoming(), 100)
    expect(arrived).toEqual(
      Array.from({ length: 100 }, (__, i) => ({
        type: 'telemetry',
        record: record(i + 1),
        bytes: expect.toSatisfy((bytes: Uint8Array) =>
          Buffer.from(encodeRecord(record(i + 1))).equals(bytes),
        ) as unknown,
      })),
    )
  })

  test('answers each of several peers', async (context) => {
    const twin = await open(context)
    const [first, second] = [twin.connect(), twin.connect()]
    first.send(request(1))
    second.send(request(2))
    const arrived = await take(twin.controller.incoming(), 2)
    for (const incoming of arrived) {
      if (incoming.type !== 'control' || incoming.message.type !== 'request') throw new Error('not a request')
      twin.controller.send(incoming.peer, answer(Number(incoming.message.id)))
    }
    expect(await take(first.incoming(), 1)).toEqual([answer(1)])
    expect(await take(second.incoming(), 1)).toEqual([answer(2)])
  })

  test('drops messages to a peer that is gone or unknown, and continues with the others', async (context) => {
    const twin = await open(context)
    const [gone, stays] = [twin.connect(), twin.connect()]
    gone.send(request(1))
    stays.send(request(2))
    const incoming = twin.controller.incoming()
    const peers = new Map((await take(incoming, 2)).map((item) => [idOf(item), peerOf(item)]))
    await gone.close()
    for (let id = 0; id < 100; id++) {
      twin.controller.send(peers.get('1')!, answer(id))
      twin.controller.send('00ffffffff', answer(id))
      twin.controller.send(peers.get('2')!, answer(id))
    }
    expect(await take(stays.incoming(), 100)).toEqual(Array.from({ length: 100 }, (__, id) => answer(id)))
  })

  test('reports frames that cannot be decoded, and continues', async (context) => {
    const twin = await open(context)
    const incoming = twin.controller.incoming()
    await twin.sendBytes('control', Buffer.from('no message'))
    expect(await take(incoming, 1)).toEqual([
      {
        type: 'malformed',
        peer: expect.stringMatching(/^[0-9a-f]{10}$/) as unknown,
        reason: expect.any(String) as unknown,
      },
    ])
    await twin.sendBytes('telemetry', Buffer.from([0xff]))
    expect(await take(incoming, 1)).toEqual([{ type: 'malformed', reason: expect.any(String) as unknown }])
    twin.connect().send(request(3))
    expect(idOf((await take(incoming, 1))[0])).toBe('3')
  })

  test('ends the iteration at both ends when they are closed, however often', async (context) => {
    const twin = await open(context)
    const peer = twin.connect()
    const reading = [collect(twin.controller.incoming()), collect(peer.incoming())]
    await Promise.all([peer.close(), peer.close()])
    await Promise.all([twin.controller.close(), twin.controller.close()])
    expect(await Promise.all(reading)).toEqual([[], []])
  })

  test('limits the messages in memory of a controller that reads slowly, and loses none', async (context) => {
    const twin = await open(context)
    const peer = twin.connect()
    const incoming = twin.controller.incoming()
    for (let seq = 1; seq <= 3000; seq++) peer.report(record(seq))
    const [first] = await take(incoming, 1)
    // Enough turns of the event loop for every message that can arrive.
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve))
    const rest = await take(incoming, 2999)
    expect([first, ...rest].map((item) => item?.type === 'telemetry' && item.record.seq)).toEqual(
      Array.from({ length: 3000 }, (__, i) => i + 1),
    )
  })
})

describe('sockets', () => {
  test('are in a directory that only their owner can enter, and that is removed with them', async () => {
    const endpoints = localEndpoints('try-1')
    const controller = await bindController(endpoints)
    const path = socketPath(endpoints.control)
    expect(existsSync(path)).toBe(true)
    expect(statSync(dirname(path)).mode & 0o777).toBe(0o700)
    await controller.close()
    expect(existsSync(dirname(path))).toBe(false)
  })

  test('are refused if a controller listens on them', async (context) => {
    const { controller, connect } = await zmqTwin(context)
    await expect(bindController(controller.endpoints)).rejects.toMatchObject({
      code: 'run-directory',
      message: `a controller listens on ${socketPath(controller.endpoints.control)} already`,
    })
    const peer = connect()
    peer.send(request(1))
    expect(idOf((await take(controller.incoming(), 1))[0])).toBe('1')
  })

  test('deliver messages that were sent before they were closed', async (context) => {
    const { controller, connect } = await zmqTwin(context)
    const peer = connect()
    for (let seq = 1; seq <= 500; seq++) peer.report(record(seq))
    const arrived = take(controller.incoming(), 500)
    await peer.close()
    expect(await arrived).toHaveLength(500)
  })

  test('that were closed without a controller drop what could not be sent', async () => {
    const endpoints = localEndpoints('try-1')
    const peer = connectPeer(endpoints)
    peer.send(request(1))
    await peer.close()
    expect(existsSync(socketPath(endpoints.control))).toBe(false)
  })

  test('are ipc only', async () => {
    const tcp: Endpoints = { control: 'tcp://127.0.0.1:5555', telemetry: 'ipc:///tmp/absgd-x/telemetry' }
    const refusal = {
      code: 'usage',
      message: expect.stringContaining('"tcp://127.0.0.1:5555" is refused') as string,
    }
    await expect(bindController(tcp)).rejects.toMatchObject(refusal)
    expect(() => connectPeer(tcp)).toThrow(expect.objectContaining(refusal) as Error)
  })

  test('refuse a message of several frames', async (context) => {
    const { controller } = await zmqTwin(context)
    const dealer = new Dealer({ linger: 0 })
    context.onTestFinished(() => {
      dealer.close()
    })
    dealer.connect(controller.endpoints.control)
    await dealer.send(['one', 'two'])
    const [incoming] = await take(controller.incoming(), 1)
    expect(incoming).toMatchObject({ type: 'malformed', reason: 'a message of several frames, or of none' })
  })
})

async function zmqTwin(context: TestContext): Promise<Twin> {
  const controller = await bindController(localEndpoints('try-1'))
  const peers: { close(): unknown }[] = []
  context.onTestFinished(async () => {
    for (const peer of peers) await peer.close()
    await controller.close()
  })
  return {
    controller,
    connect() {
      const peer = connectPeer(controller.endpoints)
      peers.push(peer)
      return peer
    },
    async sendBytes(socket, bytes) {
      const raw = socket === 'control' ? new Dealer({ linger: 1000 }) : new Push({ linger: 1000 })
      raw.connect(controller.endpoints[socket])
      await raw.send(bytes)
      peers.push(raw)
    },
  }
}

function memoryTwin(context: TestContext): Promise<Twin> {
  const { controller, connect } = createMemoryChannel()
  context.onTestFinished(() => controller.close())
  return Promise.resolve({
    controller,
    connect,
    sendBytes(socket, bytes) {
      connect().sendBytes(socket, bytes)
      return Promise.resolve()
    },
  })
}

/** Peers connect by turns through memory and through sockets. */
async function jointTwin(context: TestContext): Promise<Twin> {
  const [outer, inner] = [await zmqTwin(context), await memoryTwin(context)]
  const controller = joinChannels(outer.controller, inner.controller)
  context.onTestFinished(() => controller.close())
  let connected = 0
  return {
    ...outer,
    controller,
    connect: () => (connected++ % 2 === 0 ? inner : outer).connect(),
  }
}

/** The next `count` items; the source may be read further afterwards. */
async function take<T>(source: AsyncIterable<T>, count: number): Promise<T[]> {
  const iterator = source[Symbol.asyncIterator]()
  const items: T[] = []
  while (items.length < count) {
    const next = await iterator.next()
    if (next.done === true) throw new Error(`the reading ended after ${items.length} items`)
    items.push(next.value)
  }
  return items
}

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of source) items.push(item)
  return items
}

function request(id: number): ToController {
  return { type: 'request', id: String(id), by: 'cli', why: '', action: { type: 'pause' } }
}

function answer(id: number): ToPeer {
  // Above 128 bytes zeromq.js sends by reference.
  return { type: 'request-result', id: String(id), ok: true, step: id, message: 'x'.repeat(id % 300) }
}

function record(seq: number): LogRecord {
  const body = { type: 'summary', values: { seq } } as const
  return { origin: 'worker-0', incarnation: '00000000000000a1', seq, timeMs: 0, body }
}

function peerOf(incoming: Incoming | undefined): string {
  if (incoming?.type !== 'control') throw new Error('not a control message')
  return incoming.peer
}

function idOf(incoming: Incoming | undefined): string | undefined {
  return incoming?.type === 'control' && incoming.message.type === 'request' ? incoming.message.id : undefined
}
