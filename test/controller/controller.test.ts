import { expect, onTestFinished, test } from 'vitest'
import { startController, type ControllerParts } from '../../src/controller/controller.js'
import { initialState } from '../../src/controller/state/state.js'
import type { Entry } from '../../src/log/files/named-entries.js'
import { readAll } from '../../src/log/read-run.js'
import { openLogWriter } from '../../src/log/files/log-writer.js'
import { nameOf } from '../../src/record/record-id.js'
import type { LogRecord } from '../../src/record/record.js'
import { encodeRecord } from '../../src/wire/codec.js'
import { createMemoryChannel } from '../../src/wire/memory-channel.js'
import type { ProcessExit } from '../../src/process/child.js'
import { context, hello, stepBatch } from '../helpers/controller.js'
import { unknownRecord } from '../helpers/records.js'
import { temporaryDirectory } from '../log/fixtures.js'

const WORKER = 'a'.repeat(16)
const batch = (seq: number): LogRecord => ({
  origin: 'worker-0',
  incarnation: WORKER,
  seq,
  timeMs: 0,
  body: stepBatch(8 * (seq - 1), 8),
})

/** A controller with a log on disk, and a worker that is played by hand. */
function start(parts: Partial<ControllerParts> = {}) {
  const dir = temporaryDirectory()
  const channel = createMemoryChannel()
  let exit: (how: ProcessExit) => void = () => undefined
  const controller = startController({
    context,
    initial: initialState(),
    opening: [],
    channel: channel.controller,
    log: openLogWriter(dir),
    worker: { pid: 1, exited: new Promise((resolve) => (exit = resolve)), kill: () => undefined },
    lastLines: () => '',
    spooled: async function* () {
      yield* []
    },
    summary: () => Promise.resolve({}),
    encode: encodeRecord,
    ...parts,
  })
  const exited = (exitCode: number | undefined) => {
    exit({ exitCode, signal: undefined })
  }
  // A test that fails must not leave its timers behind.
  onTestFinished(() => {
    exited(1)
  })
  return { dir, controller, peer: channel.connect(), exited }
}

test('telemetry that cannot be read stays in the log, and what follows it is taken', async () => {
  const { dir, controller, peer, exited } = start()
  const broken = { ...batch(3), body: { ...stepBatch(16, 8), stepSeconds: new Float32Array(2) } }
  peer.send(hello())
  peer.report(batch(1))
  peer.sendBytes('telemetry', unknownRecord(2, WORKER))
  peer.report(broken)
  peer.report(batch(4))
  const position = { attempt: 1, step: 32 }
  const sent = { steps: 4, samples: 0 }
  peer.send({ type: 'bye', leaseEpoch: 1, reason: 'completed', position, message: '', traceback: '', sent })
  for await (const message of peer.incoming()) {
    expect(message.type).not.toBe('reject')
    if (message.type === 'released') break
  }
  exited(0)
  expect((await controller.ended).status).toBe('completed')
  const { records, unknown, damage } = await readAll(dir)
  expect(records.filter(({ origin }) => origin === 'worker-0').map(({ seq }) => seq)).toEqual([1, 4])
  expect(unknown).toBe(1)
  expect(damage).toMatchObject([{ reason: 'record' }])
  const notes = records.flatMap(({ body }) =>
    body.type === 'note' && body.level === 'warning' ? [body.text] : [],
  )
  expect(notes).toEqual(['beware', expect.stringContaining('step_seconds')])
})

test('what a worker that is gone had spooled is taken, though the disk lost some of it', async () => {
  const entry = (record: LogRecord): Entry => ({
    name: nameOf(record),
    body: record.body,
    bytes: encodeRecord(record),
  })
  const { dir, controller, peer, exited } = start({
    spooled: async function* () {
      yield* [batch(2), batch(4), batch(5)].map(entry)
    },
  })
  const incoming = peer.incoming()[Symbol.asyncIterator]()
  peer.send(hello())
  expect((await incoming.next()).value).toMatchObject({ type: 'welcome' })
  peer.report(batch(1))
  exited(1)
  expect((await controller.ended).position).toEqual({ attempt: 1, step: 40 })
  const { records } = await readAll(dir)
  expect(records.filter(({ origin }) => origin === 'worker-0').map(({ seq }) => seq)).toEqual([1, 2, 4, 5])
})
